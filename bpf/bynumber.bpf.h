/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sites of system calls by their numbers. A program where all calls begin (the raw
 * tracepoint sys_enter), or return (sys_exit), stands for the tracepoints of many:
 * to remove one of those the kernel waits for all processors, and for one after the
 * other (perf_trace_event_unreg, kernel/trace/trace_event_perf.c).
 */
#ifndef SPANBRIDGE_BYNUMBER_BPF_H
#define SPANBRIDGE_BYNUMBER_BPF_H

#define NUM_CALLS 1024 /* a power of two, above all numbers */
#define NO_SITE	  (__u32)-1

/* The site plus 1 of each call where it begins, then of each where it returns; or 0. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * NUM_CALLS);
	__type(key, __u32);
	__type(value, __u32);
} calls SEC(".maps");

/* One of the 32-bit interface has another number, and no tracepoint of its own. */
static __always_inline bool is_compat(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread_info.status) & 2; /* TS_COMPAT, asm/thread_info.h */
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(task, thread_info.flags) >> 22 & 1; /* TIF_32BIT */
#endif
}

/* As the kernel finds the tracepoint of a call (trace_get_syscall_nr, kernel/trace/trace_syscalls.c). */
static __always_inline __u32 site_of_call(void *ctx, __u32 first)
{
	const struct pt_regs___kernel *regs;
	__u32 number, *site;

	if (is_compat() || bpf_probe_read_kernel(&regs, sizeof(regs), ctx))
		return NO_SITE;
#if defined(__TARGET_ARCH_x86)
	number = BPF_CORE_READ(regs, orig_ax);
#elif defined(__TARGET_ARCH_arm64)
	number = BPF_CORE_READ(regs, syscallno);
#endif
	if (number >= NUM_CALLS)
		return NO_SITE;
	number += first;
	site = bpf_map_lookup_elem(&calls, &number);
	return site ? *site - 1 : NO_SITE;
}

#endif
