// SPDX-License-Identifier: Apache-2.0

// Package bpf holds the eBPF programs, the layouts that they share with user
// space, and the generated bindings. It holds no policy: which probes exist and
// what they mean is compiled into specs by package probes.
package bpf
