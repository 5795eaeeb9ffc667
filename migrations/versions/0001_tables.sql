-- The log. `state` holds exact bytes, so that they can be hashed; the view event_log shows them as JSON.
CREATE TABLE events (
    position bigint NOT NULL,
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    event_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor_type text NOT NULL,
    actor_id uuid,
    correlation_id text,
    causation_id uuid,
    hash bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX events_position ON events (position);
CREATE UNIQUE INDEX events_event_id ON events (event_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW event_log AS
SELECT position, topic, originator_id AS stream_id, originator_version AS version, event_id, recorded_at,
       actor_type, actor_id, correlation_id, causation_id,
       convert_from(state, 'UTF8')::jsonb AS state, encode(hash, 'hex') AS hash
FROM events;

-- The log's end, in one row: positions have no gaps because the row rolls back with the append.
CREATE TABLE log_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    hash bytea NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log_head (position, hash) VALUES (0, sha256(''));

-- States on the way, so that long streams load fast; may be deleted at any time.
CREATE TABLE snapshots (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (originator_id, originator_version, topic)
);

-- What a client's key was answered, kept 24 h of machine time.
CREATE TABLE idempotency (
    actor text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    payload_hash bytea NOT NULL,
    answer_id uuid NOT NULL,
    answer_status text NOT NULL,
    answer_version bigint NOT NULL,
    position bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (actor, operation, key)
);
CREATE INDEX idempotency_created_at ON idempotency USING brin (created_at);

-- What must happen, and when. Business time: due_at. Everything else is machine time.
CREATE TABLE reactions (
    position bigint NOT NULL,
    actor_name text NOT NULL,
    stream_id uuid NOT NULL,
    topic text NOT NULL,
    event_id uuid,
    correlation_id text,
    region text,
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'dead')),
    lease_token uuid,
    lease_until timestamptz,
    not_before timestamptz,
    enqueued_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    outcome text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    PRIMARY KEY (position, actor_name)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX reactions_due ON reactions (due_at) WHERE state = 'pending';
CREATE INDEX reactions_region ON reactions (region, actor_name) WHERE state = 'pending';
CREATE INDEX reactions_stream ON reactions (stream_id) WHERE state = 'pending';
CREATE INDEX reactions_dead ON reactions (position) WHERE state = 'dead';
CREATE INDEX reactions_finished ON reactions (finished_at) WHERE state = 'done';

-- Which rules the follower knows ("topic > actor"); a new one starts at the log's head. And how far the follower has come.
CREATE TABLE reaction_rules (
    rule text PRIMARY KEY,
    starts_after bigint NOT NULL
);
CREATE TABLE reaction_follower (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL
);
INSERT INTO reaction_follower (position) VALUES (0);

-- How far each generation of a projection has come.
CREATE TABLE projection_positions (
    name text NOT NULL,
    generation integer NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    state text NOT NULL CHECK (state IN ('live', 'building', 'stopped', 'retired')),
    error text,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, generation)
) WITH (fillfactor = 50);

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('customer', 'restaurant', 'driver', 'support', 'auditor', 'admin')),
    subject_id uuid NOT NULL,
    name text NOT NULL,
    region text,
    registration_key text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz
);
CREATE INDEX accounts_subject ON accounts (subject_id);

-- Only a token's hash is known here. Machine time.
CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    role text NOT NULL,
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    user_agent text,
    ip text
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- Everything up to `position` in the subject's inbox has been read.
CREATE TABLE inbox_read_marks (
    subject_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The world's business clock: origin_business + elapsed machine time × speed; it stands still until origin_machine is set.
CREATE TABLE world (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    name text NOT NULL,
    speed double precision NOT NULL CHECK (speed > 0),
    origin_business timestamptz NOT NULL,
    origin_machine timestamptz
);

-- The sandbox payment gateway's own books; it stands for a system that is not ours.
CREATE TABLE sandbox_payments (
    payment_id text PRIMARY KEY,
    idempotency_key text NOT NULL UNIQUE,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    captured_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    order_id uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    vouched_at timestamptz
);
CREATE INDEX sandbox_payments_loose ON sandbox_payments (updated_at) WHERE status = 'authorized' AND vouched_at IS NULL;
