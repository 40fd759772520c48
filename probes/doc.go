// SPDX-License-Identifier: Apache-2.0

// Package probes finds the processes to observe, resolves the probes of their
// profiles to places in machine code, attaches eBPF programs there, and reads
// what those send as a [bridge.Source].
//
// It needs Linux 6.1 (sleepable uprobes, task storage) with BTF, and
// CAP_BPF, CAP_PERFMON and, for processes of other users, CAP_SYS_PTRACE;
// CAP_SYS_ADMIN instead of CAP_PERFMON before Linux 6.6, where only single
// uprobes exist.
//
// The package never writes to a traced process, never runs its binary, and
// attaches nothing to a probe site whose instruction the kernel would not
// handle safely.
package probes
