#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Build the real trace backends that the integration tests run against, from the
# wrapper modules beside this script, into
#   ${XDG_CACHE_HOME:-~/.cache}/spanbridge/bin/<name>-<key>
# where <key> is the first 16 hex digits of the SHA-256 over the wrapper's go.mod,
# go.sum and Go files, with a link <name> to the one that was asked for last. A
# binary that is there is not built again; with a warm module cache a build needs
# no network.
#
# usage: build.sh [jaeger|otelcol]...   (default: both)
#
# Environment: JOBS (default: number of processors).
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
bin="${XDG_CACHE_HOME:-$HOME/.cache}/spanbridge/bin"
jobs="${JOBS:-$(nproc)}"

say() { echo "backends: $*" >&2; }

path_of() {
	local key
	key="$(cd "$here/$1" && cat $(ls go.mod go.sum *.go 2>/dev/null | LC_ALL=C sort) | sha256sum | cut -c1-16)"
	echo "$bin/$1-$key"
}

package_of() {
	case "$1" in
	jaeger) echo github.com/jaegertracing/jaeger/cmd/jaeger ;;
	otelcol) echo . ;;
	*) say "no backend named $1" && return 2 ;;
	esac
}

build() {
	local name="$1" out pkg
	pkg="$(package_of "$name")"
	out="$(path_of "$name")"
	if [ -x "$out" ]; then
		say "$out is up to date"
	else
		say "building $name (minutes, once)"
		(cd "$here/$name" && GOWORK=off GOFLAGS=-mod=readonly go build -p "$jobs" -trimpath \
			-buildvcs=false -ldflags='-s -w' -o "$out.new" "$pkg")
		mv "$out.new" "$out"
		say "built $out"
	fi
	ln -sfn "$(basename "$out")" "$bin/$name"
}

[ $# -gt 0 ] || set -- jaeger otelcol
mkdir -p "$bin"
exec 9>"$bin/lock"
flock 9
for name; do build "$name"; done
