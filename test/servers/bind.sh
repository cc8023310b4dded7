#!/usr/bin/env bash
# Prints the path of BIND's name server; installs it, and dig, from Debian where they are missing. Needs root for that.
set -euo pipefail
export PATH=$PATH:/usr/sbin
if ! command -v named >/dev/null || ! command -v dig >/dev/null; then
  packages=(bind9 bind9-dnsutils)
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2 ||
    { apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2; }
fi
command -v named
