// SPDX-License-Identifier: Apache-2.0

package bpf

//go:generate go tool bpf2go -tags linux -target amd64,arm64 -type spec -type capture -type arg -type op_config -type event -type entry -type op_counters -type histogram -type histogram_key -output-stem spanbridge -cc clang -cflags "-O2 -g -Wall -Werror -mcpu=v3" Programs spanbridge.bpf.c
