"""The rows of `reactions` as workers and operators change them; `append` closes them together with events.

A row is pending, done or dead. Its lease (machine time) says who does it; a lost lease's token closes nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from application.side import SideStatements

LEASE = timedelta(seconds=10)
"""How long a worker has; afterwards another one may begin."""
MAX_ATTEMPTS = 10
"""So many failures make a row dead."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
ERROR_CHARACTERS = 500
LEFT = "left to the plan"
"""Outcome of a search that waits for the region's planner, who may take it before its time."""

CLAIM = """
UPDATE reactions SET lease_token = %(token)s, lease_until = %(lease_until)s,
    -- Whoever let a lease run out neither did the work nor failed at it: this is the same attempt.
    attempts = CASE WHEN lease_until IS NULL THEN attempts + 1 ELSE attempts END
WHERE position = ANY(%(positions)s) AND actor_name = %(actor_name)s AND state = 'pending' AND due_at <= %(now)s
  AND (lease_until IS NULL OR lease_until <= %(machine_now)s)
  AND (not_before IS NULL OR not_before <= %(machine_now)s OR outcome = %(left)s)
RETURNING position, stream_id, event_id, correlation_id, attempts, region
"""
SEARCHES = """
SELECT position, stream_id, topic, due_at FROM reactions
WHERE region = %(region)s AND actor_name = %(actor_name)s AND state = 'pending' AND due_at <= %(now)s
  AND (lease_until IS NULL OR lease_until <= %(machine_now)s)
  AND (not_before IS NULL OR not_before <= %(machine_now)s OR outcome = %(left)s)
ORDER BY due_at, position LIMIT %(limit)s
"""
DUE_SEARCHES = """
SELECT count(*) FROM reactions
WHERE region = %(region)s AND actor_name = %(actor_name)s AND state = 'pending' AND due_at <= %(now)s
  AND (lease_until IS NULL OR lease_until <= %(machine_now)s)
  AND (not_before IS NULL OR not_before <= %(machine_now)s OR outcome = %(left)s)
"""
UNLEAVE = """
UPDATE reactions SET not_before = NULL, outcome = NULL
WHERE region = %(region)s AND actor_name = %(actor_name)s AND state = 'pending' AND outcome = %(left)s
  AND lease_until IS NULL
"""
CLOSE = """
UPDATE reactions SET state = 'done', outcome = %(outcome)s, finished_at = %(machine_now)s, lease_until = NULL
WHERE position = %(position)s AND actor_name = %(actor_name)s AND lease_token = %(token)s AND state = 'pending'
"""
POSTPONE = """
UPDATE reactions SET not_before = %(not_before)s, lease_until = NULL, enqueued_at = NULL, attempts = %(attempts)s,
    outcome = %(outcome)s, last_error = %(error)s
WHERE position = %(position)s AND actor_name = %(actor_name)s AND lease_token = %(token)s AND state = 'pending'
"""
BURY = """
UPDATE reactions SET state = 'dead', outcome = 'gave up', last_error = %(error)s, finished_at = %(machine_now)s,
    lease_until = NULL, attempts = %(attempts)s
WHERE position = %(position)s AND actor_name = %(actor_name)s AND lease_token = %(token)s AND state = 'pending'
"""
RETRY = """
UPDATE reactions SET state = 'pending', attempts = 0, lease_token = NULL, lease_until = NULL, not_before = NULL,
    enqueued_at = NULL, finished_at = NULL, outcome = NULL
WHERE position = %(position)s AND actor_name = %(actor_name)s AND state = 'dead'
RETURNING position
"""
DEAD = """
SELECT position, actor_name, stream_id, topic, attempts, finished_at, last_error FROM reactions
WHERE state = 'dead' ORDER BY position LIMIT %(limit)s
"""
PENDING = """
SELECT actor_name, count(*), count(*) FILTER (WHERE due_at <= %(now)s), min(due_at) FROM reactions
WHERE state = 'pending' GROUP BY actor_name ORDER BY actor_name
"""


class Claimed(NamedTuple):
    """A reaction that is this worker's until its lease ends."""

    position: int
    actor_name: str
    lease_token: UUID
    stream_id: UUID
    event_id: UUID | None
    correlation_id: str | None
    attempts: int
    """This one included."""
    region: str | None


class Search(NamedTuple):
    """A due reaction that looks for an order's driver; `topic` is of the event that began it."""

    position: int
    order_id: UUID
    topic: str
    due_at: datetime


class Dead(NamedTuple):
    """A reaction that was given up and waits for an operator."""

    position: int
    actor_name: str
    stream_id: UUID
    topic: str
    attempts: int
    finished_at: datetime
    last_error: str


class Pending(NamedTuple):
    """How many reactions of one actor wait, how many of them are due, and when the first is (business time)."""

    actor_name: str
    waiting: int
    due: int
    next_due_at: datetime


def claim(
    side: SideStatements, actor_name: str, positions: Sequence[int], *, now: datetime, machine_now: datetime
) -> list[Claimed]:
    """Take those of the rows that are due and nobody's, in order; a message that comes twice finds none."""
    token = uuid4()
    values = {
        "token": token,
        "lease_until": machine_now + LEASE,
        "positions": list(positions),
        "actor_name": actor_name,
        "now": now,
        "machine_now": machine_now,
        "left": LEFT,
    }
    found = sorted(side.run(CLAIM, values))
    return [
        Claimed(position, actor_name, token, stream_id, event_id, correlation_id, attempts, region)
        for position, stream_id, event_id, correlation_id, attempts, region in found
    ]


def searches(
    side: SideStatements, actor_name: str, region: str, *, now: datetime, machine_now: datetime, limit: int
) -> list[Search]:
    """Look at a region's due searches that nobody is at, the longest waiting first; takes none of them."""
    values = {"actor_name": actor_name, "region": region, "now": now, "machine_now": machine_now}
    return [Search(*row) for row in side.run(SEARCHES, {**values, "left": LEFT, "limit": limit})]


def due_searches(side: SideStatements, actor_name: str, region: str, *, now: datetime, machine_now: datetime) -> int:
    """Count what `searches` would look at without a limit."""
    values = {"actor_name": actor_name, "region": region, "now": now, "machine_now": machine_now, "left": LEFT}
    return int(side.run(DUE_SEARCHES, values)[0][0])


def unleave(side: SideStatements, actor_name: str, region: str) -> None:
    """Let a region's searches that were left to its planner go on by themselves."""
    side.run(UNLEAVE, {"actor_name": actor_name, "region": region, "left": LEFT})


def close(side: SideStatements, row: Claimed, outcome: str, *, machine_now: datetime) -> None:
    """End a row to which there is nothing to append."""
    side.run(CLOSE, {**_key(row), "outcome": outcome[:ERROR_CHARACTERS], "machine_now": machine_now})


def postpone(side: SideStatements, row: Claimed, *, until: datetime, outcome: str, error: str) -> None:
    """Try again from `until` (machine time); what is away for a while must not use up the attempts."""
    values = {"not_before": until, "attempts": row.attempts - 1, "outcome": outcome, "error": error[:ERROR_CHARACTERS]}
    side.run(POSTPONE, {**_key(row), **values})


def fail(side: SideStatements, row: Claimed, error: str, *, machine_now: datetime) -> bool:
    """Try again after a pause that doubles each time, or give up. Returns whether the row is dead."""
    values = {"error": error[:ERROR_CHARACTERS], "attempts": row.attempts}
    if row.attempts >= MAX_ATTEMPTS:
        side.run(BURY, {**_key(row), **values, "machine_now": machine_now})
        return True
    pause_seconds = min(FIRST_PAUSE_SECONDS * 2 ** (row.attempts - 1), LONGEST_PAUSE_SECONDS)
    until = machine_now + timedelta(seconds=pause_seconds)
    side.run(POSTPONE, {**_key(row), **values, "not_before": until, "outcome": "failed"})
    return False


def retry(side: SideStatements, position: int, actor_name: str) -> bool:
    """Give a dead row all its attempts again. Returns False when there is no such dead row."""
    return bool(side.run(RETRY, {"position": position, "actor_name": actor_name}))


def dead(side: SideStatements, *, limit: int = 100) -> list[Dead]:
    """List the rows that were given up, oldest first."""
    return [Dead(*row) for row in side.run(DEAD, {"limit": limit})]


def pending(side: SideStatements, *, now: datetime) -> list[Pending]:
    """Count the rows that wait, by actor."""
    return [Pending(*row) for row in side.run(PENDING, {"now": now})]


def _key(row: Claimed) -> dict[str, object]:
    return {"position": row.position, "actor_name": row.actor_name, "token": row.lease_token}
