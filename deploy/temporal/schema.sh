#!/bin/sh
# Creates Temporal's two databases and updates their schemas; may be run repeatedly.
# SQL_PASSWORD is the password: temporal-sql-tool reads it from there.
set -eu

tries=60
until nc -z -w 2 "$POSTGRES_SEEDS" "$DB_PORT"; do
    tries=$((tries - 1))
    if test "$tries" -eq 0; then
        echo "PostgreSQL does not answer at $POSTGRES_SEEDS:$DB_PORT: start it, and run this again." >&2
        exit 1
    fi
    sleep 1
done

tool() {
    temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" \
        -u "$POSTGRES_USER" --db "$database" "$@" || {
        echo "temporal-sql-tool $1 failed for the database $database: its output is above." >&2
        exit 1
    }
}

for database in temporal temporal_visibility; do
    tool create
    tool setup-schema -v 0.0
    tool update-schema -d "/etc/temporal/schema/postgresql/v12/${database#temporal_}/versioned"
done
