// SPDX-License-Identifier: Apache-2.0

// Package bpf holds the eBPF programs, the layouts that they share with user
// space, and the generated bindings.
//
// The programs pair the start and the end of operations in the thread that hits
// the probes, count them, and send one record for each operation that is wanted.
// They read the memory of the traced process and never write it. They hold no
// policy: which probes exist and what they mean is compiled into specs by
// package probes.
//
// They need Linux 6.1 with BTF. From 6.6 all sites of a program are attached by
// one link (uprobe_multi); from 6.12 strings are read by bpf_copy_from_user_str.
// Both have a fallback, chosen when the programs are loaded.
//
// Probes of the kernel itself have programs of their own, in an object that is
// loaded only where a profile has such probes: [NewKernel].
//
// The C files, in the order in which to read them:
//
//	record.h          what both sides share
//	tables.bpf.h      what user space tells the programs
//	ring.bpf.h        the way of records to user space
//	ledger.bpf.h      counters and duration histograms
//	args.bpf.h        the value of a probe's argument
//	thread.bpf.h      the open operations of a thread
//	server.bpf.h      the server that a process works for
//	attribute.bpf.h   the traceparent among query attributes
//	capture.bpf.h     integers, strings and text of an operation
//	prefix.bpf.h      what the text begins with
//	emit.bpf.h        the record of a finished operation
//	spanbridge.bpf.c  the programs
//	sequence.bpf.h    one operation after another
//	begin.bpf.h       where operations begin
//	end.bpf.h         where operations end
//	kernel.bpf.c      the programs at probes of the kernel
//	kernelargs.bpf.h  the values there
//	pending.bpf.h     the operations that are open there
//	inside.bpf.h      those in the record of a program
package bpf
