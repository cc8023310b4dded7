#!/usr/bin/env bash
# Builds the Kubernetes API server from its published Go modules into the cache and prints the path of the binary.
# k8s.io/kubernetes replaces its staging modules by relative paths; a wrapper module maps each of them to its published
# twin: v0.X.Y belongs to v1.X.Y. A cold build takes three to five minutes on two cores. The server stores in etcd.
set -euo pipefail
version=${KUBE_VERSION:-v1.35.0}
home=${HEADGATE_SERVERS:-$HOME/.cache/headgate/servers}/kube-apiserver-$version
if [ ! -x "$home/kube-apiserver" ]; then
  command -v go >/dev/null || { echo "kube-apiserver.sh: Go 1.24 or newer is needed to build the Kubernetes API server: install Debian's golang or put 'go' on PATH" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  printf '%s\n' 'module headgate.test/kubernetes' 'go 1.24' >go.mod
  # The server's own go.mod names the staging modules of its release.
  required=$(go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  for module in $(grep -oE 'k8s\.io/[a-z-]+ => \./staging' "$required" | cut -d' ' -f1); do
    go mod edit -replace "$module=$module@v0.${version#v1.}"
  done
  nice -n 10 go get -tool "k8s.io/kubernetes/cmd/kube-apiserver@$version" >&2
  mkdir -p "$home"
  # Without a stamp the server calls itself v0.0.0 and refuses its own storage versions.
  stamp="-X k8s.io/component-base/version.gitVersion=$version"
  nice -n 10 go build -trimpath -ldflags "-s -w $stamp" -o "$home/kube-apiserver.partial" k8s.io/kubernetes/cmd/kube-apiserver >&2
  mv "$home/kube-apiserver.partial" "$home/kube-apiserver"
fi
echo "$home/kube-apiserver"
