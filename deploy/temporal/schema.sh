#!/bin/sh
# Creates Temporal's two databases and updates their schemas; may be run repeatedly.
set -eu

for database in temporal temporal_visibility; do
    tool() {
        temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" \
            -u "$POSTGRES_USER" --db "$database" "$@"
    }
    kind=${database#temporal_}
    tool create
    tool setup-schema -v 0.0
    tool update-schema -d "/etc/temporal/schema/postgresql/v12/$kind/versioned"
done
