// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// clang-format off
//go:build ignore
// clang-format on

/*
 * Generic programs for the start, the end and the single events of operations
 * at uprobe and USDT sites. The attach cookie is an index into sites; what a
 * site means is compiled into its spec by user space.
 *
 * All are sleepable (Linux 6.0: arguments are read with bpf_copy_from_user).
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "record.h"
#include "stack.bpf.h"
#include "value.bpf.h"
#include "ledger.bpf.h"
#include "tables.bpf.h"
#include "ring.bpf.h"
#include "teller.bpf.h"
#include "args.bpf.h"
#include "clock.bpf.h"
#include "thread.bpf.h"
#include "asked.bpf.h"
#include "server.bpf.h"
#include "attribute.bpf.h"
#include "capture.bpf.h"
#include "detail.bpf.h"
#include "prefix.bpf.h"
#include "emit.bpf.h"

/* For layout_test.go: BTF describes only enumerations that data is made of. */
const volatile struct {
	enum arg_kind arg_kind;
	enum capture_type capture_type;
	enum capture_role capture_role;
	enum capture_flags capture_flags;
	enum spec_flags spec_flags;
	enum event_flags event_flags;
	enum counter counter;
	enum time_class time_class;
} enumerations;

static __always_inline const struct spec *spec_of(struct pt_regs *ctx, __u32 *index)
{
	const struct spec *spec;
	__u64 key;

	*index = bpf_get_attach_cookie(ctx);
	spec = bpf_map_lookup_elem(&sites, index);
	if (!spec || !(spec->flags & SPEC_ONLY_TARGETS))
		return spec;
	key = (__u64)spec->op << 32 | bpf_get_current_pid_tgid() >> 32;
	if (bpf_map_lookup_elem(&targets, &key))
		return spec;
	if (!(spec->flags & SPEC_FORKS))
		return 0;
	key = (__u64)spec->op << 32 | server_tgid();
	return bpf_map_lookup_elem(&targets, &key) ? spec : 0;
}

/* Whether a hit counts in this process. */
static __always_inline bool given(const struct spec *spec, struct regs *regs)
{
	__u64 value = 0;

	return spec->given.kind == ARG_NONE || (!read_arg(&spec->given, regs, 0, &value) && value);
}

static __always_inline const struct op_config *config_of(__u32 op)
{
	return bpf_map_lookup_elem(&ops, &op);
}

/* Reads the guard; false if its value does not open the operation. */
static __always_inline bool guard(const struct spec *spec, struct regs *regs, __u64 *value)
{
	*value = 64;
	if (!spec->when)
		return true;
	if (read_arg(&spec->guard, regs, 0, value))
		return false;
	if (spec->flags & SPEC_TRUTH)
		*value = *value != 0;
	*value -= spec->when_base;
	return *value < 64 && spec->when >> *value & 1;
}

#include "sequence.bpf.h"
#include "apart.bpf.h"
#include "begin.bpf.h"
#include "end.bpf.h"
#include "syscalls.bpf.h"
#include "wait.bpf.h"
#include "switch.bpf.h"
#include "open.bpf.h"

static __always_inline int on_point(struct pt_regs *ctx)
{
	__u32 site;
	const struct spec *spec = spec_of(ctx, &site);
	struct regs regs = {};
	__u64 value;

	if (!spec)
		return 0;
	copy_regs(&regs, ctx);
	if (given(spec, &regs) && guard(spec, &regs, &value))
		count(spec->op, COUNT_POINTS);
	return 0;
}

/*
 * On kernels without uprobe_multi links (before 6.6) user space loads these as
 * programs for single uprobes.
 */
SEC("uprobe.multi.s") int start(struct pt_regs *ctx)
{
	stay_on_own_stack();
	return on_start(ctx);
}
SEC("uprobe.multi.s") int done(struct pt_regs *ctx)
{
	stay_on_own_stack();
	return on_done(ctx);
}
SEC("uprobe.multi.s") int point(struct pt_regs *ctx)
{
	stay_on_own_stack();
	return on_point(ctx);
}

/*
 * A thread that ends takes its open operations with it. These two are raw
 * tracepoints, which need no kernel types to be looked up: the thread is the
 * current one.
 */
SEC("raw_tp/sched_process_exit") int thread_exit(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, 0, 0);

	if (thread)
		abandon(thread);
	return 0;
}

/* The kernel's types are needed here: a thread that comes back is not the current one. */
SEC("tp_btf/sched_switch") int thread_switch(__u64 *ctx)
{
	return on_switch(ctx);
}

/* The processes that executed a program, for user space to look at anew. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} execs SEC(".maps");

SEC("raw_tp/sched_process_exec") int process_exec(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, 0, 0);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (thread) {
		abandon(thread);
		thread->tgid = 0;
	}
	bpf_ringbuf_output(&execs, &tgid, sizeof(tgid), 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
