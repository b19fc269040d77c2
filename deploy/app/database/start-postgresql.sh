#!/bin/bash
# Starts PostgreSQL on $PGDATA; makes the cluster, its roles, tables and first rows where they are not there yet.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
conf=${POSTGRESQL_CONF:-/etc/postgresql}
done_file=$PGDATA/schema-applied

# Passwords are part of the key: a Secret that changed reaches the roles at the next start.
key=$( (cat "$here/roles.sql" "$here/schema.sql" "$here/operations.sql"; printf '%s\n' "$APP_PASSWORD" "$BACKUP_PASSWORD" \
    "$EXPORTER_PASSWORD" "$READER_PASSWORD" "$DRILLER_PASSWORD") | sha256sum | cut -d' ' -f1)

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Made under another name first: an initdb that was killed half-way must not look like a cluster.
    rm -rf "$PGDATA.new" "$PGDATA"
    initdb --pgdata="$PGDATA.new" --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
    mv "$PGDATA.new" "$PGDATA"
fi

# Some volume plugins open a volume to its group; PostgreSQL refuses that.
chmod 0700 "$PGDATA"

options="-c config_file=$conf/postgresql.conf -c hba_file=$conf/pg_hba.conf -c data_directory=$PGDATA"

if [ "$(cat "$done_file" 2>/dev/null)" != "$key" ]; then
    rm -f "$PGDATA/postmaster.pid"
    pg_ctl --pgdata="$PGDATA" --wait --silent --options="$options -c listen_addresses=''" start
    psql --quiet --username=postgres --dbname=postgres --file="$here/roles.sql"
    psql --quiet --username=postgres --dbname=aic_aipaas --file="$here/schema.sql"
    psql --quiet --username=postgres --dbname=aic_aipaas --file="$here/operations.sql"
    if [ "$(psql -At --username=postgres --dbname=aic_aipaas --command='SELECT count(*) FROM users')" = 0 ]; then
        PYTHONPATH=$(dirname "$here") python3 -m services.aipaas.seed | psql --quiet --username=postgres --dbname=aic_aipaas
        psql --quiet --username=postgres --dbname=aic_aipaas --command='ANALYZE'
    fi
    pg_ctl --pgdata="$PGDATA" --wait --silent --mode=fast stop
    echo "$key" > "$done_file"
fi

rm -f "$PGDATA/postmaster.pid"
# shellcheck disable=SC2086 # the options are words without spaces
exec postgres $options
