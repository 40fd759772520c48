/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where the stack of a program is. */
#ifndef SPANBRIDGE_STACK_BPF_H
#define SPANBRIDGE_STACK_BPF_H

/*
 * Keeps the stack of a uprobe's program on that of the thread.
 *
 * Since Linux 6.13 the stack of a kprobe program is memory of the CPU if a
 * function of it needs 64 bytes (bpf_enable_priv_stack, kernel/bpf/verifier.c).
 * That is right for programs that never run twice at a time on a CPU. Those of
 * uprobes are of that type but do: they sleep, they are preempted, and nothing
 * keeps another thread from entering them then (uprobe_prog_run,
 * kernel/trace/bpf_trace.c). Both write to one stack, a pointer in it becomes
 * that of the other thread or no pointer at all, and the kernel crashes.
 *
 * A program with a tail call never gets such a stack. This one is not reached,
 * and the verifier takes it out; it has seen it before (check_subprogs).
 */
static __always_inline void stay_on_own_stack(void)
{
	asm volatile("r0 = 0\n"
		     "if r0 == 0 goto +1\n"
		     "call 12\n" /* bpf_tail_call */
		     :
		     :
		     : "r0", "r1", "r2", "r3", "r4", "r5");
}

#endif
