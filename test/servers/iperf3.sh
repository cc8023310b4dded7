#!/usr/bin/env bash
# Prints the path of iperf3, which measures how much a path carries; installs it from Debian where it is missing. Needs root
# for that.
set -euo pipefail
if ! command -v iperf3 >/dev/null; then
  # Without a frontend the package does not ask whether to start as a service, and does not.
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -qq --no-install-recommends iperf3 >&2 ||
    { apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends iperf3 >&2; }
fi
command -v iperf3
