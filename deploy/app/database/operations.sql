-- What operations keeps a book of: incidents, maintenance, changes, events and reports. Run by postgres; may be run again.
\set ON_ERROR_STOP on
SET client_min_messages = error;
SET ROLE aic_owner;

CREATE TABLE IF NOT EXISTS releases (
    name text PRIMARY KEY,
    released_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS incidents (
    id bigserial PRIMARY KEY,
    severity integer NOT NULL CHECK (severity BETWEEN 1 AND 4),
    title text NOT NULL,
    alert text,
    release text,
    management_told_at timestamptz,
    detected_at timestamptz NOT NULL,
    assessed_at timestamptz,
    responded_at timestamptz,
    investigated_at timestamptz,
    resolved_at timestamptz,
    communicated_at timestamptz,
    reviewed_at timestamptz,
    closed_at timestamptz
);
CREATE TABLE IF NOT EXISTS incident_updates (
    id bigserial PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES incidents,
    at timestamptz NOT NULL,
    says text NOT NULL
);
CREATE TABLE IF NOT EXISTS maintenance_windows (
    id bigserial PRIMARY KEY,
    announced_at timestamptz,
    starts_at timestamptz NOT NULL UNIQUE,
    ends_at timestamptz NOT NULL,
    steps jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS changes (
    id bigserial PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    what text NOT NULL,
    hand text NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('installation', 'drill', 'maintenance')),
    at timestamptz NOT NULL,
    incident_id bigint REFERENCES incidents
);
CREATE TABLE IF NOT EXISTS cluster_events (
    uid text PRIMARY KEY,
    namespace text NOT NULL,
    object text NOT NULL,
    type text NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    times integer NOT NULL,
    last_seen timestamptz NOT NULL,
    explained text
);
CREATE TABLE IF NOT EXISTS reports (
    kind text NOT NULL,
    day date NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    content jsonb NOT NULL,
    PRIMARY KEY (kind, day)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO aic_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO aic_app;

-- The platform's invented past: the January in which all its first rows are dated.
INSERT INTO releases VALUES
    ('2026.1', '2026-01-04 02:20Z'), ('2026.2', '2026-01-11 02:25Z'), ('2026.3', '2026-01-18 02:15Z')
ON CONFLICT DO NOTHING;

INSERT INTO maintenance_windows (announced_at, starts_at, ends_at, steps)
SELECT starts - interval '3 days 5 hours', starts, starts + interval '95 minutes',
       '["told", "branched", "backed up", "patched", "tested", "watched", "written down", "told again"]'
FROM unnest(ARRAY['2026-01-04 02:00Z', '2026-01-11 02:00Z', '2026-01-18 02:00Z']::timestamptz[]) AS starts
ON CONFLICT DO NOTHING;

INSERT INTO changes (reference, what, hand, purpose, at)
SELECT 'release ' || name, 'all services', 'operations', 'maintenance', released_at FROM releases WHERE released_at < '2026-02-01Z'
ON CONFLICT DO NOTHING;

WITH past (severity, title, alert, release, told, detected, assessed, responded, investigated, resolved, reviewed) AS (
    VALUES
        (1, 'nobody could log in', 'ServiceDown', NULL, '20 s', '2026-01-06 10:02Z'::timestamptz,
         '3 min', '4 min', '25 min', '70 min', '2 days'),
        (1, 'the database lost its disk', 'ServiceDown', NULL, '35 s', '2026-01-14 21:40Z', '2 min', '9 min', '40 min', '165 min', '3 days'),
        (2, 'predictions failed now and then', 'HighErrorRate', NULL, '80 min', '2026-01-08 08:15Z',
         '10 min', '22 min', '2 h', '5 h', '4 days'),
        (3, 'the catalogue was slow', NULL, NULL, NULL, '2026-01-09 13:00Z', '30 min', '95 min', '20 h', '49 h', '6 days'),
        (4, 'a label was cut off', NULL, '2026.3', NULL, '2026-01-13 09:30Z', '2 h', '6 h', '2 days', '4 days 17 h', '9 days')
), added AS (
    INSERT INTO incidents (severity, title, alert, release, management_told_at, detected_at, assessed_at, responded_at,
                           investigated_at, resolved_at, communicated_at, reviewed_at, closed_at)
    SELECT severity, title, alert, release, detected + told::interval, detected, detected + assessed::interval,
           detected + responded::interval, detected + investigated::interval, detected + resolved::interval,
           detected + resolved::interval + interval '5 min', detected + reviewed::interval, detected + reviewed::interval
    FROM past WHERE NOT EXISTS (SELECT FROM incidents)
    RETURNING id, severity, detected_at, resolved_at
)
INSERT INTO incident_updates (incident_id, at, says)
SELECT id, at, 'still being worked on'
FROM added, generate_series(detected_at + interval '20 h', resolved_at, interval '20 h') AS at
WHERE severity IN (3, 4);
