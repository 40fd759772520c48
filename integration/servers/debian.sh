#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Install the servers that Debian 12 does not have, from older and newer releases
# of Debian.
#
# Their packages conflict with each other and with the system's, so each goes
# into a root file system of its own, such as
#   ${XDG_CACHE_HOME:-~/.cache}/spanbridge/sid/mysql/
# made by debootstrap, of which the Go package servers makes containers. A tree
# is built aside and moved into place when it is whole. One that is there, with
# its packages in the expected versions, is left as it is: that needs no network.
# The system's own packages are left alone. Needs root: debootstrap makes device
# files and enters the tree.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/spanbridge"
say() { echo "debian-servers: $*" >&2; }

# trees are all that there are, those of a release one after the other.
trees=(sid/mysql sid/mariadb sid/postgresql trixie/postgresql bullseye/mariadb bullseye/postgresql)

# packages lists what a tree is for: the server first.
packages() {
	case "$1" in
	sid/mysql) echo mysql-server-core mysql-client-core ;;
	sid/mariadb) echo mariadb-server-core mariadb-client-core ;;
	bullseye/mariadb) echo mariadb-server-core-10.5 mariadb-client-core-10.5 ;;
	*/postgresql) echo "postgresql-$(series "$1")" ;;
	esac
}

# series is the version that the tests were written for.
series() {
	case "$1" in
	sid/mysql) echo 9.7 ;;
	sid/mariadb) echo 11.8 ;;
	sid/postgresql) echo 18 ;;
	trixie/postgresql) echo 17 ;;
	bullseye/mariadb) echo 10.5 ;;
	bullseye/postgresql) echo 13 ;;
	esac
}

# symbols is where MariaDB's Debian package has the symbol table of its stripped
# server: in the documentation of the package that depends on all the rest.
symbols() {
	case "$1" in
	sid/mariadb) echo usr/share/doc/mariadb-server/mariadbd.sym.gz ;;
	bullseye/mariadb) echo usr/share/doc/mariadb-server-10.5/mariadbd.sym.gz ;;
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
	[ -z "$(symbols "$name")" ] || [ -s "$tree/$(symbols "$name")" ]
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
	local release="$1" base="$2" uri
	uri="$(archive)"
	say "making a base system of $release from $uri"
	debootstrap --variant=minbase "$release" "$base" "$uri" >"$base.log" 2>&1 ||
		{ tail -20 "$base.log" >&2; return 1; }
	in_tree "$base" apt-get clean
	umount "$base/proc"
	# Which container runtimes provide, and servers look up their clients in.
	echo "127.0.0.1 localhost" >"$base/etc/hosts"
	# The tests make clusters of their own.
	mkdir -p "$base/etc/postgresql-common/createcluster.d"
	echo "create_main_cluster = false" >"$base/etc/postgresql-common/createcluster.d/none.conf"
}

# in_tree runs a command in a tree, with the /proc that packages of systemd's ask for.
in_tree() {
	local tree="$1"
	shift
	mountpoint -q "$tree/proc" || mount -t proc proc "$tree/proc"
	chroot "$tree" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

# add_symbols takes one file out of a package whose dependencies would double the
# tree.
add_symbols() {
	local tree="$1" file="$2" package
	package="$(basename "$(dirname "$file")")"
	in_tree "$tree" sh -c 'mkdir /deb && cd /deb && apt-get download -qq -o APT::Sandbox::User=root "$0"' "$package"
	dpkg-deb --fsys-tarfile "$tree"/deb/"$package"_*.deb | tar -x -C "$tree" "./$file"
	rm -r "$tree/deb"
}

make_tree() {
	local name="$1" base="$work/${1%/*}" tree="$work/${1/\//-}" have
	[ -e "$base" ] || make_base "${name%/*}" "$base"
	say "installing $(packages "$name")"
	cp -a --reflink=auto "$base" "$tree"
	# shellcheck disable=SC2046 # one argument a package
	in_tree "$tree" apt-get install -y -qq --no-install-recommends $(packages "$name") >"$tree.log" 2>&1 ||
		{ tail -20 "$tree.log" >&2; return 1; }
	[ -z "$(symbols "$name")" ] || add_symbols "$tree" "$(symbols "$name")"
	in_tree "$tree" apt-get clean
	umount "$tree/proc"
	rm -rf "$tree"/var/lib/apt/lists/* "$tree"/usr/share/{man,locale}/*
	if ! whole "$tree" "$name"; then
		have="$(version "$tree" "$(packages "$name" | cut -d' ' -f1)")"
		say "$name is now ${have:-without a version}, the tests need $(series "$name")"
		return 1
	fi
	rm -rf "${cache:?}/$name"
	mkdir -p "$cache/${name%/*}"
	mv "$tree" "$cache/$name"
	say "installed $cache/$name ($(version "$cache/$name" "$(packages "$name" | cut -d' ' -f1)"))"
}

# What debootstrap mounts in a tree goes away with this mount namespace, also
# when the script is killed, so that a later run can remove the tree.
if [ "${1:-}" != inside ]; then
	exec unshare --mount -- "${BASH_SOURCE[0]}" inside
fi
mkdir -p "$cache"
exec 9>"$cache/debian.lock"
flock 9
rm -rf "$cache"/debian.*.work
work=
for name in "${trees[@]}"; do
	if whole "$cache/$name" "$name"; then
		say "$cache/$name is up to date"
		continue
	fi
	[ -n "$work" ] || work="$(mktemp -d "$cache/debian.XXXXXX.work")" # kept on failure: its logs tell why
	make_tree "$name"
done
[ -z "$work" ] || rm -rf "$work"
