#!/bin/sh
# Creates the namespace and Docmill's search attributes; may be run repeatedly.
set -eu

namespace=${TEMPORAL_NAMESPACE:-default}

until temporal operator cluster health >/dev/null 2>&1; do
    sleep 1
done

temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$namespace" --retention 30d

# All parts of the server recognize a new namespace only after some seconds.
until temporal operator search-attribute list --namespace "$namespace" >/dev/null 2>&1; do
    sleep 1
done

create() {
    kind=$1
    shift
    for name in "$@"; do
        temporal operator search-attribute list --namespace "$namespace" | grep -qw "$name" ||
            temporal operator search-attribute create --namespace "$namespace" \
                --name "$name" --type "$kind"
    done
}

create Keyword DocmillProject DocmillDirectory DocmillJobType DocmillStatus
create Int DocmillProcessed DocmillFailed DocmillTotal
