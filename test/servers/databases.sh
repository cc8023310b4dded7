#!/usr/bin/env bash
# Installs PostgreSQL and Redis, with their clients, from Debian where they are missing. Needs root for that.
set -euo pipefail
if ! command -v psql >/dev/null || ! command -v redis-server >/dev/null || ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
  packages=(postgresql postgresql-contrib redis-server redis-tools)
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2 ||
    { apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2; }
fi
command -v redis-server
