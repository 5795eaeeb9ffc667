-- The keys of data subjects, each wrapped by a key-encryption key that is in no database. A row without a key: forgotten.
CREATE SCHEMA IF NOT EXISTS subject_keys;
CREATE TABLE IF NOT EXISTS subject_keys.keys (
    subject_id uuid PRIMARY KEY,
    kek text,
    wrapped bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    forgotten_at timestamptz,
    CHECK ((wrapped IS NULL) = (kek IS NULL) AND (wrapped IS NULL) = (forgotten_at IS NOT NULL))
);
