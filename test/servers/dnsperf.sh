#!/usr/bin/env bash
# Prints the path of dnsperf, which asks a DNS server as fast as it can; installs it from Debian where it is missing. Needs
# root for that.
set -euo pipefail
if ! command -v dnsperf >/dev/null; then
  apt-get install -y -qq --no-install-recommends dnsperf >&2 ||
    { apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends dnsperf >&2; }
fi
command -v dnsperf
