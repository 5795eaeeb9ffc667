-- One save: checks, events, the key's answer and the reaction to close, all or nothing.
CREATE TYPE save AS (
    -- What must still be so: these streams at these versions.
    stream_ids uuid[],
    expected_versions bigint[],
    -- The events, one array a column.
    originator_ids uuid[],
    originator_versions bigint[],
    topics text[],
    states bytea[],
    event_ids uuid[],
    -- Who, and in answer to what: the same for all events of a save.
    actor_type text,
    actor_id uuid,
    correlation_id text,
    causation_id uuid,
    -- The answer and the key it is stored under; no key, no row.
    answer_id uuid,
    answer_status text,
    answer_version bigint,
    key_actor text,
    key_operation text,
    key text,
    payload_hash bytea,
    -- The reaction that this closes, or sets to a later time.
    reaction_position bigint,
    reaction_actor_name text,
    lease_token uuid,
    reaction_outcome text,
    due_at timestamptz
);

-- result: appended, replayed (the stored answer), key_reused, conflict (stream_id and its version), fenced.
CREATE TYPE save_outcome AS (
    result text,
    "position" bigint,
    answer_id uuid,
    answer_status text,
    answer_version bigint,
    stream_id uuid,
    version bigint
);

-- One link of the chain: the hash before and every column of the event in PostgreSQL's binary row format, which is
-- count of columns, then for each the type's OID, the length and the bytes (length -1: NULL). The 1 is the encoding's
-- version. Texts go in as UTF-8 bytes, whatever the client's encoding. application/chain.py computes the same.
CREATE FUNCTION link(
    before bytea, "position" bigint, originator_id uuid, originator_version bigint, topic text, state bytea, event_id uuid,
    recorded_at timestamptz, actor_type text, actor_id uuid, correlation_id text, causation_id uuid
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(record_send(ROW(
        1::smallint, before, "position", originator_id, originator_version, convert_to(topic, 'UTF8'), state, event_id,
        recorded_at, convert_to(actor_type, 'UTF8'), actor_id, convert_to(correlation_id, 'UTF8'), causation_id)))
$$;

-- Append all saves, one outcome each, in their order. Call it as a statement of its own, autocommit, READ COMMITTED.
--
-- The advisory lock comes first, so that appends queue in one line and can neither deadlock nor commit out of the order
-- of their positions; then everything is checked by reading under it, never by a violated constraint, so that a save
-- that fails spoils no other. Waiting for any lock longer than `wait_ms` raises lock_not_available: nothing happened.
CREATE FUNCTION append(saves save[], wait_ms integer) RETURNS SETOF save_outcome LANGUAGE plpgsql AS $$
DECLARE
    s save;
    o save_outcome;
    head_before bigint;
    head bigint;
    chain bytea;
    recorded timestamptz;
    queues boolean := false;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append reads under its lock and needs READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM set_config('lock_timeout', wait_ms::text, true);
    -- What brings no events and stores no answer only closes a reaction: it need not queue, nor wait for the disk,
    -- because a closing that is lost in a crash is merely done again.
    FOREACH s IN ARRAY saves LOOP
        queues := queues OR s.key IS NOT NULL OR cardinality(s.event_ids) > 0;
    END LOOP;
    IF queues THEN
        PERFORM pg_advisory_xact_lock(7214002);
    ELSE
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    SELECT h.position, h.hash INTO STRICT head_before, chain FROM log_head h;
    head := head_before;
    recorded := clock_timestamp();

    <<each_save>>
    FOREACH s IN ARRAY saves LOOP
        o := NULL;
        o.position := 0;

        IF s.key IS NOT NULL THEN
            SELECT CASE WHEN i.payload_hash = s.payload_hash THEN 'replayed' ELSE 'key_reused' END,
                   i.position, i.answer_id, i.answer_status, i.answer_version
              INTO o.result, o.position, o.answer_id, o.answer_status, o.answer_version
              FROM idempotency i
             WHERE i.actor = s.key_actor AND i.operation = s.key_operation AND i.key = s.key
               AND i.created_at > recorded - interval '24 hours';
            IF FOUND THEN
                RETURN NEXT o;
                CONTINUE;
            END IF;
            o.position := 0;
        END IF;

        FOR i IN 1 .. cardinality(s.stream_ids) LOOP
            DECLARE
                found_version bigint;
                found_position bigint;
            BEGIN
                SELECT e.originator_version, e.position INTO found_version, found_position
                  FROM events e WHERE e.originator_id = s.stream_ids[i]
                 ORDER BY e.originator_version DESC LIMIT 1;
                IF coalesce(found_version, 0) <> s.expected_versions[i] THEN
                    o.stream_id := s.stream_ids[i];
                    o.version := coalesce(found_version, 0);
                END IF;
                o.position := greatest(o.position, found_position);
            END;
        END LOOP;
        IF o.stream_id IS NOT NULL THEN
            -- A client that lost the acknowledgement sends the same events again: they are in the log already.
            SELECT max(e.position) INTO o.position FROM events e WHERE e.event_id = ANY (s.event_ids);
            IF o.position IS NULL THEN
                o.result := 'conflict';
            ELSE
                o.result := 'appended';
            END IF;
            RETURN NEXT o;
            CONTINUE;
        END IF;

        IF s.reaction_position IS NOT NULL THEN
            UPDATE reactions r
               SET state = CASE s.reaction_outcome WHEN 'again' THEN 'pending' ELSE 'done' END,
                   outcome = s.reaction_outcome,
                   due_at = coalesce(s.due_at, r.due_at),
                   finished_at = CASE s.reaction_outcome WHEN 'again' THEN NULL ELSE recorded END,
                   lease_until = NULL, not_before = NULL, enqueued_at = NULL, last_error = NULL,
                   attempts = CASE s.reaction_outcome WHEN 'again' THEN 0 ELSE r.attempts END
             WHERE r.position = s.reaction_position AND r.actor_name = s.reaction_actor_name
               AND r.lease_token = s.lease_token
               -- Closed by this token already: only a save without events may be the same one, sent again.
               AND (r.state = 'pending' OR r.state = 'done' AND cardinality(s.event_ids) = 0);
            IF NOT FOUND THEN
                o.result := 'fenced';
                RETURN NEXT o;
                CONTINUE;
            END IF;
        END IF;

        FOR i IN 1 .. cardinality(s.event_ids) LOOP
            head := head + 1;
            chain := link(chain, head, s.originator_ids[i], s.originator_versions[i], s.topics[i], s.states[i],
                          s.event_ids[i], recorded, s.actor_type, s.actor_id, s.correlation_id, s.causation_id);
            INSERT INTO events VALUES (
                head, s.originator_ids[i], s.originator_versions[i], s.topics[i], s.states[i],
                s.event_ids[i], recorded, s.actor_type, s.actor_id, s.correlation_id, s.causation_id, chain);
            o.position := head;
        END LOOP;

        IF s.key IS NOT NULL THEN
            INSERT INTO idempotency VALUES (
                s.key_actor, s.key_operation, s.key, s.payload_hash,
                s.answer_id, s.answer_status, s.answer_version, o.position, recorded)
            ON CONFLICT (actor, operation, key) DO UPDATE SET  -- only a row past its 24 h
                payload_hash = excluded.payload_hash, answer_id = excluded.answer_id,
                answer_status = excluded.answer_status, answer_version = excluded.answer_version,
                position = excluded.position, created_at = excluded.created_at;
        END IF;
        o.result := 'appended';
        RETURN NEXT o;
    END LOOP each_save;

    IF head > head_before THEN
        UPDATE log_head SET position = head, hash = chain;
        PERFORM pg_notify('tiffin_log', head::text);
    END IF;
END
$$;
