-- Tables of aic_aipaas. Run by postgres in that database; may be run again.
\set ON_ERROR_STOP on
SET client_min_messages = error;  -- "already there", and views of an extension that are not ours to grant
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
ALTER SCHEMA public OWNER TO aic_owner;
SET ROLE aic_owner;

CREATE TABLE IF NOT EXISTS users (
    id bigserial PRIMARY KEY,
    username text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS logins (
    id bigserial PRIMARY KEY,
    user_id bigint REFERENCES users,
    succeeded boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS applications (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    owner text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS datasets (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    location text NOT NULL,
    row_count bigint,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS schemas (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    version integer NOT NULL,
    fields jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (name, version)
);
CREATE TABLE IF NOT EXISTS jobs (
    id bigserial PRIMARY KEY,
    model text NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'running', 'finished')),
    loss double precision,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
CREATE TABLE IF NOT EXISTS predictions (
    id bigserial PRIMARY KEY,
    model text NOT NULL,
    features double precision[] NOT NULL,
    score double precision NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS synthetic_rows (
    id bigserial PRIMARY KEY,
    seed bigint NOT NULL,
    age integer NOT NULL,
    income numeric NOT NULL,
    city text NOT NULL
);
-- No primary key, NULLs and bytes, as old tables have them: a restore that only counts rows would not notice a change.
CREATE TABLE IF NOT EXISTS audit_lines (
    at timestamptz,
    actor text,
    line text NOT NULL,
    payload bytea,
    amount numeric
);
-- The newest row of a backup tells how old its content is.
CREATE TABLE IF NOT EXISTS backup_markers (
    id bigserial PRIMARY KEY,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- A backup may be taken before the first service is up to write one.
INSERT INTO backup_markers (written_at) SELECT clock_timestamp() WHERE NOT EXISTS (SELECT FROM backup_markers);

GRANT USAGE ON SCHEMA public TO aic_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO aic_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO aic_app;
