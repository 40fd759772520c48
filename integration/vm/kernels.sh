#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fetch Debian's kernels for run.sh, once, and print where each is:
#
#   integration/vm/kernels.sh 6.1 6.12 7
#
# 6.1 and 6.12 are those of Debian 12, 7 is sid's. The newest kernel of a series
# goes into
#   ${XDG_CACHE_HOME:-~/.cache}/spanbridge/vm/vmlinuz-VERSION
# out of a package that is taken apart and not installed. One of the series that
# is there is left as it is: that needs no network. Remove it for a newer one.
# Needs no root.
set -euo pipefail
shopt -s inherit_errexit

cache="${XDG_CACHE_HOME:-$HOME/.cache}/spanbridge/vm"

say() { echo "vm-kernels: $*" >&2; }

# cached prints the newest kernel of a series in the cache, nothing if there is none.
cached() {
	find "$cache" -name "vmlinuz-$1.*" -size +0 | sort -V | tail -1
}

# use_sid has apt work on the packages of Debian sid, apart from the system's
# lists. A mirror may be older than the date until which its Release file counts.
use_sid() {
	local uri
	uri="$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^Debian //p' | grep -v security | head -1)"
	mkdir -p "$work/lists" "$work/apt"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"${uri:-http://deb.debian.org/debian} sid main" >"$work/sid.list"
	cat >"$work/apt.conf" <<-EOF
		Dir::State::Lists "$work/lists";
		Dir::State::status "/dev/null";
		Dir::Cache "$work/apt";
		Dir::Etc::SourceList "$work/sid.list";
		Dir::Etc::SourceParts "-";
		Acquire::Check-Valid-Until "false";
		Acquire::Languages "none";
	EOF
	export APT_CONFIG="$work/apt.conf"
	say "reading the list of packages of sid"
	apt-get update -qq -o APT::Sandbox::User="$(id -un)"
}

# newest prints the package of the series' newest kernel for clouds: it has built
# in all that the guest needs, and its package is small. Since Linux 7 the kernel
# itself is in linux-binary-VERSION.
newest() {
	local kind
	for kind in binary image; do
		apt-cache pkgnames "linux-$kind-$1." | { grep -E -- '-cloud-amd64(-unsigned)?$' || true; } | sort -V | tail -1
	done | sed -n 1p
}

# fetch puts the newest kernel of a series into the cache.
fetch() {
	local series="$1" package version file
	work="$(mktemp -d "$cache/work.XXXXXX")"
	trap 'rm -rf "$work"' EXIT
	[ "$series" != 7 ] || use_sid
	package="$(newest "$series")"
	if [ -z "$package" ]; then
		say "apt knows no kernel $series; apt-get update?"
		return 1
	fi
	version="${package#linux-*-}"
	version="${version%-unsigned}"
	say "fetching $package"
	(cd "$work" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" "$package")
	mkdir "$work/root"
	dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work/root" --wildcards '*/vmlinuz*'
	file="$(find "$work/root" -name 'vmlinuz*' -size +0)"
	mv "$file" "$cache/vmlinuz-$version"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
rm -rf "$cache"/work.* # of a run that was killed
for series; do
	[ -n "$(cached "$series")" ] || (fetch "$series") >&2
	cached "$series"
done
