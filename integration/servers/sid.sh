#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Install the servers that Debian 12 does not have, from Debian sid: MySQL 9.7
# and MariaDB 11.8.
#
# Their packages conflict with each other and with the system's, so each goes
# into a root file system of its own,
#   ${XDG_CACHE_HOME:-~/.cache}/spanbridge/sid/mysql/
#   ${XDG_CACHE_HOME:-~/.cache}/spanbridge/sid/mariadb/
# made by debootstrap, of which the Go package servers makes containers. A tree
# is built aside and moved into place when it is whole. One that is there, with
# its packages in the expected versions, is left as it is: that needs no network.
# The system's own packages are left alone. Needs root: debootstrap makes device
# files and enters the tree.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/spanbridge/sid"
# MariaDB's Debian package carries the symbol table of its stripped server.
symbols=usr/share/doc/mariadb-server/mariadbd.sym.gz

say() { echo "sid-servers: $*" >&2; }

# packages lists what a tree is for: the server first.
packages() {
	case "$1" in
	mysql) echo mysql-server-core mysql-client-core ;;
	mariadb) echo mariadb-server-core mariadb-client-core ;;
	esac
}

# series is the version that the tests were written for.
series() {
	case "$1" in
	mysql) echo 9.7 ;;
	mariadb) echo 11.8 ;;
	esac
}

# version prints the upstream version of a package in a tree, nothing if it is
# not installed there. The epoch and Debian's revision are cut.
version() {
	local v
	v="$(dpkg-query --admindir="$1/var/lib/dpkg" -W -f='${db:Status-Abbrev} ${Version}' "$2" 2>/dev/null)" || return 0
	[[ "$v" == "ii "* ]] || return 0
	v="${v##* }"
	v="${v#*:}"
	echo "${v%%-*}"
}

# whole says whether the tree in a directory is what it should be.
whole() {
	local tree="$1" name="$2" p
	for p in $(packages "$name"); do
		[[ "$(version "$tree" "$p")" == "$(series "$name")."* ]] || return 1
	done
	[ -s "$tree/etc/hosts" ] || return 1
	[ "$name" != mariadb ] || [ -s "$tree/$symbols" ]
}

# archive is the Debian mirror that the system's own packages come from.
archive() {
	local release uri
	release="$(. /etc/os-release && echo "$VERSION_CODENAME")"
	uri="$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
		sed -n "s/^Debian $release //p" | sort -u | head -1)"
	echo "${uri:-http://deb.debian.org/debian}"
}

# make_base leaves the package lists that debootstrap has verified in the tree,
# so that apt need not fetch them again: which it would refuse to do from a mirror
# that is older than the date in its Release file.
make_base() {
	local uri
	uri="$(archive)"
	say "making a base system of sid from $uri"
	debootstrap --variant=minbase sid "$work/base" "$uri" >"$work/debootstrap.log" 2>&1 ||
		{ tail -20 "$work/debootstrap.log" >&2; return 1; }
	in_tree "$work/base" apt-get clean
	# Which container runtimes provide, and servers look up their clients in.
	echo "127.0.0.1 localhost" >"$work/base/etc/hosts"
}

in_tree() {
	local tree="$1"
	shift
	chroot "$tree" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

# add_symbols takes one file out of the package mariadb-server, whose
# dependencies would double the tree.
add_symbols() {
	local tree="$1"
	in_tree "$tree" sh -c 'mkdir /deb && cd /deb && apt-get download -qq -o APT::Sandbox::User=root mariadb-server'
	dpkg-deb --fsys-tarfile "$tree"/deb/mariadb-server_*.deb | tar -x -C "$tree" "./$symbols"
	rm -r "$tree/deb"
}

make_tree() {
	local name="$1" tree="$work/$1" have
	say "installing $(packages "$name")"
	cp -a --reflink=auto "$work/base" "$tree"
	# shellcheck disable=SC2046 # one argument a package
	in_tree "$tree" apt-get install -y -qq --no-install-recommends $(packages "$name") >"$work/$name.log" 2>&1 ||
		{ tail -20 "$work/$name.log" >&2; return 1; }
	[ "$name" != mariadb ] || add_symbols "$tree"
	in_tree "$tree" apt-get clean
	rm -rf "$tree"/var/lib/apt/lists/* "$tree"/usr/share/{man,locale}/*
	if ! whole "$tree" "$name"; then
		have="$(version "$tree" "$(packages "$name" | cut -d' ' -f1)")"
		say "sid now has $name ${have:-without a version}, the tests need $(series "$name")"
		return 1
	fi
	rm -rf "${cache:?}/$name"
	mv "$tree" "$cache/$name"
	say "installed $cache/$name ($(version "$cache/$name" "$(packages "$name" | cut -d' ' -f1)"))"
}

# What debootstrap mounts in a tree goes away with this mount namespace, also
# when the script is killed, so that a later run can remove the tree.
if [ "${1:-}" != inside ]; then
	exec unshare --mount -- "${BASH_SOURCE[0]}" inside
fi
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
missing=()
for name in mysql mariadb; do
	if whole "$cache/$name" "$name"; then
		say "$cache/$name is up to date"
	else
		missing+=("$name")
	fi
done
[ ${#missing[@]} -gt 0 ] || exit 0
rm -rf "$cache"/work.*
work="$(mktemp -d "$cache/work.XXXXXX")" # kept on failure: its logs tell why
make_base
for name in "${missing[@]}"; do make_tree "$name"; done
rm -rf "$work"
