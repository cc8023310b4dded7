#!/usr/bin/env bash
# Installs HAProxy and nginx from Debian where they are missing: peers that speak the PROXY protocol. Needs root for that.
set -euo pipefail
export PATH=$PATH:/usr/sbin
if ! command -v haproxy >/dev/null || ! command -v nginx >/dev/null || ! [ -e /usr/lib/nginx/modules/ngx_stream_module.so ]; then
  packages=(haproxy nginx libnginx-mod-stream)
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2 ||
    { apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2; }
fi
command -v haproxy
