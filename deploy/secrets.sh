#!/bin/sh
# Prints new secrets for docker-compose.yml: sh deploy/secrets.sh > .env
set -eu

echo "POSTGRES_PASSWORD=$(openssl rand -hex 16)"
echo "DOCMILL_SECRET_KEY=$(openssl rand -base64 32)"
echo "S3_SECRET_KEY=$(openssl rand -hex 20)"
echo "GRAFANA_PASSWORD=$(openssl rand -hex 12)"
