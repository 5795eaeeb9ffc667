"""The follower's SQL. `now` is business time, `machine_now` real; each statement is one round trip."""

LEADS = """
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""

POSITION = "SELECT position FROM reaction_follower"

MOVE = """
UPDATE reaction_follower SET position = %(position)s WHERE position = %(after)s
"""

# An empty table is a fresh installation: its rules start with the log.
NEW_RULES = """
INSERT INTO reaction_rules (rule, starts_after)
SELECT rule, CASE WHEN EXISTS (SELECT FROM reaction_rules) THEN (SELECT position FROM log_head) ELSE 0 END
FROM unnest(%(rules)s::text[]) AS rule
ON CONFLICT (rule) DO NOTHING
"""

KNOWN_RULES = "SELECT rule, starts_after FROM reaction_rules"

INSERT = """
INSERT INTO reactions
    (position, actor_name, stream_id, topic, event_id, correlation_id, region, due_at, enqueued_at)
SELECT * FROM unnest(
    %s::bigint[], %s::text[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[],
    %s::timestamptz[])
ON CONFLICT (position, actor_name) DO NOTHING
"""

# The token goes, too: a worker that is at it just now is fenced, and finds out that there is nothing to do.
OVERTAKE = """
UPDATE reactions r SET state = 'done', outcome = 'overtaken by ' || o.topic, lease_token = NULL,
    finished_at = %(machine_now)s
FROM unnest(%(stream_ids)s::uuid[], %(actor_names)s::text[], %(positions)s::bigint[], %(topics)s::text[])
    AS o (stream_id, actor_name, position, topic)
WHERE r.stream_id = o.stream_id AND r.actor_name = o.actor_name AND r.position < o.position AND r.state = 'pending'
"""

# Searches that were tried before and wait for their next time; one at work just now is left alone.
WAKE = """
UPDATE reactions SET due_at = %(now)s, not_before = %(not_before)s, enqueued_at = NULL
WHERE (position, actor_name) IN (
    SELECT position, actor_name FROM reactions
    WHERE region = %(region)s AND actor_name = %(actor_name)s AND state = 'pending' AND due_at > %(now)s
      AND lease_token IS NOT NULL AND lease_until IS NULL
    ORDER BY position LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""

# What is due and nobody was told, marked as told; the last row has the next time when something will be due.
DUE = """
WITH due AS (
    SELECT position, actor_name FROM reactions
    WHERE state = 'pending' AND due_at <= %(now)s AND enqueued_at IS NULL
      AND (not_before IS NULL OR not_before <= %(machine_now)s)
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), told AS (
    UPDATE reactions r SET enqueued_at = %(machine_now)s FROM due
    WHERE r.position = due.position AND r.actor_name = due.actor_name
    RETURNING r.position, r.actor_name
)
SELECT position, actor_name, NULL::timestamptz FROM told
UNION ALL
SELECT NULL, NULL, min(due_at) FROM reactions WHERE state = 'pending' AND due_at > %(now)s
"""

LOST = """
UPDATE reactions r SET enqueued_at = %(machine_now)s
FROM (
    SELECT position, actor_name FROM reactions
    WHERE state = 'pending' AND due_at <= %(now)s AND enqueued_at IS NOT NULL
      AND (lease_until IS NULL OR lease_until <= %(machine_now)s)
      AND (not_before IS NULL OR not_before <= %(machine_now)s)
      AND (enqueued_at <= %(told_long_before)s
           OR (enqueued_at <= %(told_before)s AND actor_name = ANY(%(idle_actors)s)))
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) AS lost
WHERE r.position = lost.position AND r.actor_name = lost.actor_name
RETURNING r.position, r.actor_name
"""
