// SPDX-License-Identifier: Apache-2.0

package bpf

// The objects and bindings are committed, so that building needs no clang. They
// are those of Debian 12's clang 14.0.6, llvm 14.0.6 and libbpf-dev 1.1.2:
// "make check-generated" compares them. Another compiler makes other objects.

//go:generate go tool bpf2go -tags linux -target amd64,arm64 -type spec -type capture -type arg -type op_config -type event -type entry -type asked_of_thread -type detail -type op_counters -type histogram -type histogram_key -type times -output-stem spanbridge -cc clang -cflags "-O2 -g -Wall -Werror -mcpu=v3" Programs spanbridge.bpf.c
//go:generate go tool bpf2go -tags linux -target amd64,arm64 -no-global-types -output-stem kernel -cc clang -cflags "-O2 -g -Wall -Werror -mcpu=v3" Kernel kernel.bpf.c
