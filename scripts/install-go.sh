#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Print the directory of a go command that can build this module.
#
# A go in PATH of 1.21 or later is enough: it fetches the version that go.mod asks
# for by itself, unless GOTOOLCHAIN=local forbids it. Debian 12's own Go is 1.19,
# which cannot, but it can download that toolchain as a module, verified by the
# checksum database; it is kept in ${XDG_CACHE_HOME:-~/.cache}/spanbridge/go.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
version="$(sed -n 's/^go //p' "$here/../go.mod")"

if found="$(command -v go)" && (cd "$here/.." && go version) >/dev/null 2>&1; then
	dirname "$found"
	exit 0
fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/spanbridge/go"
name="golang.org/toolchain@v0.0.1-go$version.linux-$(dpkg --print-architecture)"
if [ ! -x "$cache/$name/bin/go" ]; then
	echo "fetching Go $version with Debian's Go" >&2
	"$here/install-deps.sh" golang-go
	mkdir -p "$cache"
	(cd "$cache" && GOFLAGS=-modcacherw GOMODCACHE="$cache" /usr/bin/go mod download "$name")
	# Module files are stored without permission to execute.
	chmod +x "$cache/$name"/bin/* "$cache/$name"/pkg/tool/*/*
fi
echo "$cache/$name/bin"
