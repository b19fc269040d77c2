-- Roles, their passwords and the empty database. Run by postgres; may be run again.
\set ON_ERROR_STOP on
\getenv app_password APP_PASSWORD
\getenv backup_password BACKUP_PASSWORD
\getenv exporter_password EXPORTER_PASSWORD
\getenv reader_password READER_PASSWORD
\getenv driller_password DRILLER_PASSWORD

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['aic_owner', 'aic_app', 'aic_backup', 'aic_exporter', 'rundrill_reader', 'rundrill_driller']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE aic_owner NOLOGIN;
ALTER ROLE aic_app LOGIN PASSWORD :'app_password';
ALTER ROLE aic_backup LOGIN PASSWORD :'backup_password';
ALTER ROLE aic_exporter LOGIN PASSWORD :'exporter_password';
ALTER ROLE rundrill_reader LOGIN PASSWORD :'reader_password';
ALTER ROLE rundrill_driller LOGIN PASSWORD :'driller_password';

GRANT pg_read_all_data TO aic_backup, rundrill_reader, rundrill_driller;
GRANT pg_monitor TO aic_exporter, rundrill_reader, rundrill_driller;
-- A drill revokes and locks as the owner, ends sessions, and gets in when all other connections are taken.
GRANT aic_owner, pg_signal_backend, pg_use_reserved_connections TO rundrill_driller;

SELECT 'CREATE DATABASE aic_aipaas OWNER aic_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'aic_aipaas') \gexec
