#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run the tests of integration/kernel on the newest of a series of Debian's
# kernels, such as 6.1 and 6.12 of Debian 12, in a virtual machine that needs no
# KVM:
#
#   integration/vm/run.sh 6.1              # or 6.12
#   integration/vm/run.sh 6.1 -test.run=TestKernelLoads
#
# The kernel's package is taken apart, not installed, into
#   ${XDG_CACHE_HOME:-~/.cache}/spanbridge/vm/
# The machine's whole file system is an initramfs: the compiled tests, their
# fixtures, and the program in guest/ that runs them. The console's text is kept
# in build/vm/SERIES.log. Needs go, gcc, cpio and qemu-system-x86, but no root.
set -euo pipefail
shopt -s inherit_errexit

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/spanbridge/vm"
series="${1:?usage: run.sh SERIES [ARGUMENTS OF THE TESTS]}"
shift

say() { echo "vm $series: $*" >&2; }

# newest prints the package of the series' newest kernel for clouds: it has built
# in all that the guest needs, and its package is small.
newest() {
	apt-cache pkgnames "linux-image-$series." | grep -E '^[a-z0-9.+-]+-cloud-amd64-unsigned$' | sort -V | tail -1
}

# kernel prints the path of a kernel of the series, which it fetches if the cache
# has not got the newest.
kernel() {
	local package version work
	package="$(newest)"
	if [ -z "$package" ]; then
		say "apt knows no such kernel; apt-get update?"
		return 1
	fi
	version="${package#linux-image-}"
	version="${version%-unsigned}"
	if [ ! -s "$cache/vmlinuz-$version" ]; then
		say "fetching $package"
		mkdir -p "$cache"
		work="$(mktemp -d "$cache/work.XXXXXX")"
		(cd "$work" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" "$package")
		dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" "./boot/vmlinuz-$version"
		mv "$work/boot/vmlinuz-$version" "$cache/"
		rm -r "$work"
	fi
	echo "$cache/vmlinuz-$version"
}

# initramfs makes the guest's file system; its arguments are those of the tests.
initramfs() {
	local fixture
	mkdir -p "$tree/fixtures"
	(
		cd "$root"
		export CGO_ENABLED=0
		go build -o "$tree/init" ./integration/vm/guest
		go test -c -tags integration -o "$tree/tests" ./integration/kernel
	)
	for fixture in "$root"/integration/kernel/fixtures/*.c; do
		gcc -O2 -static -pthread -o "$tree/fixtures/$(basename "$fixture")" "$fixture"
	done
	printf '%s\n' "$@" >"$tree/arguments"
	(cd "$tree" && find . | cpio --quiet -o -H newc) >"$image"
}

vmlinuz="$(kernel)" # first: without a kernel nothing else is worth doing
tree="$(mktemp -d)"
image="$tree.img"
trap 'rm -rf "$tree" "$image"' EXIT
# What a probe costs an emulated processor says nothing.
initramfs -test.v -test.timeout=40m -test.skip=TestKernelCost "$@"

log="$root/build/vm/$series.log"
mkdir -p "$(dirname "$log")"
say "$(basename "$vmlinuz"), console in $log"
timeout 45m qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
	-nographic -no-reboot -kernel "$vmlinuz" -initrd "$image" \
	-append "console=ttyS0 quiet panic=-1 rdinit=/init" </dev/null 2>&1 | sed -u 's,\r,,g' >"$log" || true
say "$(grep -c '^ *--- PASS' "$log" || true) passed, $(grep -c '^ *--- FAIL' "$log" || true) failed, $(
	grep -c '^ *--- SKIP' "$log" || true) skipped"
if ! grep -q '^guest: status 0$' "$log"; then
	tail -n 200 "$log" >&2
	say "the tests have not passed"
	exit 1
fi
