#!/bin/sh
# Makes the image docmill-e2e-base from Debian's packages, where python:3.11-slim cannot be pulled.
# It needs root, debootstrap and docker, and takes about a minute.
set -eu

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,netcat-openbsd \
    bookworm "$root/debian" http://deb.debian.org/debian
ln -s python3 "$root/debian/usr/bin/python"
# The build downloads packages through what this machine trusts, a proxy for example.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/debian/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root/debian/var/cache/apt/archives/"*.deb "$root/debian/var/lib/apt/lists/"*
tar --create --directory "$root/debian" . | docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
    - docmill-e2e-base:bookworm
