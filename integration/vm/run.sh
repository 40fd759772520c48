#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run tests on Debian's kernels in virtual machines that need no KVM, side by side:
#
#   integration/vm/run.sh 6.1                      # the tests of integration/kernel
#   integration/vm/run.sh 6.1,6.12,7 -test.run=TestKernelLoads
#   integration/vm/run.sh 6.12 ./integration -test.run='^TestTiers$/^uprobe$'
#   integration/vm/run.sh 7 ./integration/kernel -test.run=Loads -- ./integration -test.run=...
#
# A machine's whole file system is an initramfs: the compiled tests with their
# fixtures, the program in guest/ that runs them, and for packages other than
# integration/kernel spanbridge and Debian's MariaDB. The consoles' texts are kept
# in build/vm/SERIES.log; verdict/ shows what an engineer needs of them. Needs go,
# gcc, cpio and qemu-system-x86, but no root unless MariaDB is to run: its data
# directory is that of the account that made it.
set -euo pipefail
shopt -s inherit_errexit

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
IFS=, read -ra kernels <<<"${1:?usage: run.sh SERIES[,SERIES...] [PACKAGE] [ARGUMENTS OF THE TESTS] [-- PACKAGE ...]}"
shift
cd "$root"

# suite adds the tests of a package, with their arguments. What a probe costs an
# emulated processor says nothing.
suite() {
	local package="./integration/kernel" dir
	if [[ "${1:-}" == ./* ]]; then
		package="$1"
		shift
	fi
	dir="$tree/suites/$package"
	mkdir -p "$dir"
	CGO_ENABLED=0 go test -c -tags integration -ldflags='-s -w' -o "$dir/tests" "$package"
	printf '%s\n' -test.v -test.timeout=40m -test.parallel=1 -test.skip=TestKernelCost "$@" >"$dir/arguments"
	if [ "$package" = ./integration/kernel ]; then fixtures; else server; fi
}

fixtures() {
	local fixture
	mkdir -p "$tree/fixtures"
	for fixture in integration/kernel/fixtures/*.c; do
		gcc -O2 -static -pthread -o "$tree/fixtures/$(basename "$fixture")" "$fixture"
	done
}

# server adds spanbridge, and what it takes to run MariaDB.
server() {
	CGO_ENABLED=0 go build -ldflags='-s -w' -o "$tree/spanbridge" ./cmd/spanbridge
	go run ./integration/vm/files >"$work/files"
	tar -C / -ch -T "$work/files" | tar -x -C "$tree"
	mkdir -p "$tree/etc"
	echo root:x:0:0::/:/bin/false >"$tree/etc/passwd"
	echo 127.0.0.1 localhost >"$tree/etc/hosts"
	echo "XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}" >"$tree/environment"
}

# initramfs makes the machines' file system; its arguments are those after the series.
initramfs() {
	local argument arguments=()
	CGO_ENABLED=0 go build -o "$tree/init" ./integration/vm/guest
	for argument; do
		if [ "$argument" = -- ]; then
			suite "${arguments[@]}"
			arguments=()
		else
			arguments+=("$argument")
		fi
	done
	suite "${arguments[@]}"
	(cd "$tree" && find . | cpio --quiet -o -H newc) >"$work/image"
}

# boot runs the tests on one kernel, and gives a verdict. What defends a kernel from
# those who run beside it only costs time here.
boot() {
	local series="$1" vmlinuz="$2" log="build/vm/$1.log"
	# One thread for all processors of a machine: with more, a processor can execute a
	# breakpoint that the kernel has just taken away, as it does where it patches itself
	# for probes, and the kernel oopses ("int3").
	timeout --foreground 45m qemu-system-x86_64 -machine q35 -nic none -accel tcg,thread=single -cpu max -smp 2 -m 2048 \
		-nographic -no-reboot -kernel "$vmlinuz" -initrd "$work/image" \
		-append "console=ttyS0 quiet oops=panic panic=-1 mitigations=off init_on_alloc=0 rdinit=/init" </dev/null 2>&1 | sed -u 's,\r,,g' >"$log" || true
	"$work/verdict" "$series" "${vmlinuz##*/vmlinuz-}" "$log"
}

mapfile -t images < <(integration/vm/kernels.sh "${kernels[@]}")
[ ${#images[@]} -eq ${#kernels[@]} ] # without kernels nothing else is worth doing
work="$(mktemp -d)"
tree="$work/tree"
machines=()
set -m # each machine is a process group, so that none is left
trap 'for m in "${machines[@]}"; do kill -- "-$m" 2>/dev/null || true; done; rm -rf "$work"' EXIT
mkdir -p "$tree" build/vm
go build -o "$work/verdict" ./integration/vm/verdict
initramfs "$@"
for i in "${!kernels[@]}"; do
	boot "${kernels[i]}" "${images[i]}" &
	machines+=($!)
done
status=0
for machine in "${machines[@]}"; do wait "$machine" || status=1; done
exit "$status"
