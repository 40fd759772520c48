#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Build mariadbd with native USDT probes from Debian's own source package.
#
# Debian configures MariaDB without -DENABLE_DTRACE=ON, so its server carries no
# stapsdt notes. This script builds the source version of the installed
# mariadb-server-core, the target mariadbd only, into
#   ${XDG_CACHE_HOME:-~/.cache}/spanbridge/mariadb-dtrace/<source version>/
# with the message and character set files that it needs to start, and points
# the link "current" at it. Where the archive lists that version but does not
# hold its files, the newest other source of the same series is built instead.
# The stamp file holds the version built and the installed version it stands in
# for; while the latter does not change, asking again costs nothing and needs no
# network. The system's apt configuration is left alone.
#
# Environment: JOBS (default: number of processors).
set -euo pipefail
unset MAKEFLAGS MFLAGS # of the make that calls this script

cache="${XDG_CACHE_HOME:-$HOME/.cache}/spanbridge/mariadb-dtrace"
jobs="${JOBS:-$(nproc)}"
# What the configuration below compiles against; debian/control lists more
# because Debian builds every plugin.
build_deps=(bison cmake dpkg-dev g++ gcc libaio-dev libfmt-dev libncurses-dev
	libpcre2-dev libssl-dev liburing-dev make pkg-config systemtap-sdt-dev
	zlib1g-dev)

say() { echo "mariadb-dtrace: $*" >&2; }

installed_version() {
	dpkg-query -W -f='${source:Version}' mariadb-server-core 2>/dev/null || true
}

install_build_deps() {
	local missing=() p
	for p in "${build_deps[@]}"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return
	say "installing ${missing[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# apt_private runs an apt command with its own source list, package lists and caches.
apt_private() {
	local cmd="$1" d="$work/apt"
	shift
	"$cmd" -q -o Dir::Etc::sourcelist="$d/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$d/lists" -o Dir::Cache="$d/cache" \
		-o APT::Sandbox::User=root "$@"
}

# source_versions lists what the archive offers: the installed version first,
# then the others of its series, newest first.
source_versions() {
	local series="${installed%.*-*}"
	echo "$installed"
	apt_private apt-cache showsrc --only-source mariadb | sed -n 's/^Version: //p' |
		grep -F "$series." | grep -vxF "$installed" | sort -rVu || true
}

# source_list names the source packages of the archives that the system's own
# packages come from.
source_list() {
	local release
	release="$(. /etc/os-release && echo "$VERSION_CODENAME")"
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | sort -u |
		while read -r uri suite; do
			[[ "$suite" == "$release"* ]] || continue
			echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"
		done
}

# fetch_source unpacks the first version whose files can be had and sets version.
fetch_source() {
	local d="$work/apt" v
	mkdir -p "$d/lists/partial" "$d/cache/archives/partial"
	source_list >"$d/sources.list"
	apt_private apt-get update >&2
	for v in $(source_versions); do
		say "fetching source $v"
		if (cd "$work" && apt_private apt-get source --download-only "mariadb=$v" >fetch.log 2>&1); then
			version="$v"
			dpkg-source --no-check -x "$work"/mariadb_*.dsc "$work/src" >&2
			return
		fi
		tail -1 "$work/fetch.log" >&2
		rm -f "$work"/mariadb_*
	done
	say "no source of mariadb $installed or its series in the archives that apt knows"
	return 1
}

configure() {
	local off=(ARCHIVE AUTH_GSSAPI AUTH_PAM COLUMNSTORE CONNECT CRACKLIB_PASSWORD_CHECK
		FEDERATED FEDERATEDX FEEDBACK HASHICORP_KEY_MANAGEMENT MROONGA OQGRAPH
		PROVIDER_BZIP2 PROVIDER_LZ4 PROVIDER_LZMA PROVIDER_LZO PROVIDER_SNAPPY
		ROCKSDB S3 SPHINX SPIDER TEST_SQL_DISCOVERY)
	local flags=() p
	for p in "${off[@]}"; do flags+=("-DPLUGIN_$p=NO"); done
	# ENABLE_DTRACE is the point; INSTALL_LAYOUT=DEB gives the default paths of
	# Debian's server, so that stock tools and plugins fit.
	cmake -S "$work/src" -B "$work/build" -DENABLE_DTRACE=ON \
		-DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="-O2 -DNDEBUG" \
		-DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" -DINSTALL_LAYOUT=DEB \
		-DPLUGIN_AUTH_SOCKET=STATIC -DWITH_SSL=system -DWITH_PCRE=system \
		-DWITH_ZLIB=system -DWITH_LIBFMT=system -DWITH_WSREP=OFF \
		-DWITH_EMBEDDED_SERVER=OFF -DWITH_UNIT_TESTS=OFF -DWITH_MARIABACKUP=OFF \
		"${flags[@]}" >"$work/cmake.log" 2>&1 || { tail -30 "$work/cmake.log" >&2; return 1; }
}

compile() {
	say "compiling with $jobs jobs (about 16 minutes on two processors)"
	make -C "$work/build" -j "$jobs" mariadbd >"$work/make.log" 2>&1 ||
		{ grep -B5 -A5 "Error " "$work/make.log" | head -40 >&2; return 1; }
}

# check_probes compares the binary's notes with the probes that the source declares
# and calls. How many sites a probe has depends on the compiler, which may merge
# or repeat them (GCC 12 makes 83 sites of 54 probes); that each has one does not.
check_probes() {
	local name macro have
	have="$(readelf -n "$1" | grep -A1 'Provider: mysql' | sed -n 's/^ *Name: //p' | sort -u)"
	sed -n 's/^ *probe \([a-z_]*\)(.*/\1/p' "$work/src/include/probes_mysql.d.base" |
		while read -r name; do
			macro="MYSQL_$(echo "${name//__/_}" | tr '[:lower:]' '[:upper:]')"
			grep -rqwE --include='*.cc' --include='*.c' "$macro" "$work/src/sql" "$work/src/mysys" || continue
			grep -qx "$name" <<<"$have" || { say "$1 lacks the probe $name"; return 1; }
		done
	if [ "$(wc -l <<<"$have")" -lt 50 ]; then
		say "$1 has only $(wc -l <<<"$have") probes of provider mysql"
		return 1
	fi
	if readelf -n "$1" | grep -q 'Semaphore: 0x0*$'; then
		say "$1 has probes without a semaphore"
		return 1
	fi
}

install_result() {
	# Probe addresses (usdt:PATH:…) bear no colon in a path, bpftrace's no plus either.
	local out="$work/out" name="${version#*:}"
	name="${name//[+~]/-}"
	mkdir -p "$out/share/english"
	strip -o "$out/mariadbd" "$work/build/sql/mariadbd"
	cp "$work/build/sql/share/english/errmsg.sys" "$out/share/english/"
	cp -r "$work/src/sql/share/charsets" "$out/share/"
	check_probes "$out/mariadbd"
	printf '%s\n%s\n' "$version" "$installed" >"$out/stamp"
	rm -rf "${cache:?}/$name"
	mv "$out" "$cache/$name"
	ln -sfn "$name" "$cache/current"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
installed="$(installed_version)"
if [ -z "$installed" ]; then
	say "mariadb-server-core is not installed: run 'make deps' first"
	exit 1
fi
if [ "$(sed -n 2p "$cache/current/stamp" 2>/dev/null)" = "$installed" ]; then
	say "$cache/current/mariadbd ($(head -1 "$cache/current/stamp")) is up to date"
	exit 0
fi
rm -rf "$cache"/work.*
work="$(mktemp -d "$cache/work.XXXXXX")" # kept on failure: its logs tell why
install_build_deps
fetch_source
configure
compile
install_result
rm -rf "$work"
say "built $cache/current/mariadbd ($version)"
