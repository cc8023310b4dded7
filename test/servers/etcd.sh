#!/usr/bin/env bash
# Builds the etcd server from its published Go modules into the cache and prints the path of the binary.
# The server's own go.mod carries relative "replace" lines, which `go install` refuses; a wrapper module ignores them
# and takes the published api, client and pkg modules of the same version.
set -euo pipefail
version=${ETCD_VERSION:-v3.6.6}
home=${HEADGATE_SERVERS:-$HOME/.cache/headgate/servers}/etcd-$version
if [ ! -x "$home/etcd" ]; then
  command -v go >/dev/null || { echo "etcd.sh: Go 1.24 or newer is needed to build etcd: install Debian's golang or put 'go' on PATH" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  printf '%s\n' 'module headgate.test/etcd' 'go 1.24' >go.mod
  nice -n 10 go get -tool "go.etcd.io/etcd/server/v3@$version" >&2
  mkdir -p "$home"
  nice -n 10 go build -trimpath -ldflags '-s -w' -o "$home/etcd.partial" go.etcd.io/etcd/server/v3 >&2
  mv "$home/etcd.partial" "$home/etcd"
fi
echo "$home/etcd"
