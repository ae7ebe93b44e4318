#!/bin/sh
# What the official image does at its start, for a data folder that exists or not.
set -eu

if ! test -s "$PGDATA/PG_VERSION"; then
    printf %s "$POSTGRES_PASSWORD" >/tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 \
        --locale=C.UTF-8 --encoding=UTF8
    rm /tmp/password
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single postgres
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
exec postgres -c listen_addresses='*'
