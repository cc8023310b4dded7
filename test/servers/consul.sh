#!/usr/bin/env bash
# Builds the Consul server from its published Go modules into the cache and prints the path of the binary.
# Consul's own go.mod carries relative "replace" lines, which `go install` refuses; a wrapper module ignores them
# and takes the published versions that it requires. A cold build takes about five minutes on two cores.
set -euo pipefail
version=${CONSUL_VERSION:-v1.19.2}
home=${HEADGATE_SERVERS:-$HOME/.cache/headgate/servers}/consul-$version
if [ ! -x "$home/consul" ]; then
  command -v go >/dev/null || { echo "consul.sh: Go 1.22 or newer is needed to build Consul: install Debian's golang or put 'go' on PATH" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  # Consul itself excludes these two go-msgpack releases: they change the wire format.
  printf '%s\n' 'module headgate.test/consul' 'go 1.22' \
    'exclude github.com/hashicorp/go-msgpack v1.1.5' \
    'exclude github.com/hashicorp/go-msgpack v1.1.6' >go.mod
  nice -n 10 go get -tool "github.com/hashicorp/consul@$version" >&2
  mkdir -p "$home"
  nice -n 10 go build -trimpath -ldflags '-s -w' -o "$home/consul.partial" github.com/hashicorp/consul >&2
  mv "$home/consul.partial" "$home/consul"
fi
echo "$home/consul"
