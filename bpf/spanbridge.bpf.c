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
#include "record.h"
#include "ledger.bpf.h"
#include "args.bpf.h"
#include "thread.bpf.h"
#include "capture.bpf.h"
#include "emit.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct spec);
} sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_OPS);
	__type(key, __u32);
	__type(value, struct op_config);
} ops SEC(".maps");

/*
 * The processes to which sites marked SPEC_ONLY_TARGETS are limited. The key
 * is the operation, shifted left by 32, and the process.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u8);
} targets SEC(".maps");

/* For layout_test.go: BTF describes only enumerations that data is made of. */
const volatile struct {
	enum arg_kind arg_kind;
	enum capture_type capture_type;
	enum capture_role capture_role;
	enum spec_flags spec_flags;
	enum event_flags event_flags;
	enum counter counter;
} enumerations;

static __always_inline const struct spec *spec_of(struct pt_regs *ctx)
{
	__u32 index = bpf_get_attach_cookie(ctx);
	const struct spec *spec = bpf_map_lookup_elem(&sites, &index);
	__u64 key;

	if (!spec || !(spec->flags & SPEC_ONLY_TARGETS))
		return spec;
	key = (__u64)spec->op << 32 | bpf_get_current_pid_tgid() >> 32;
	return bpf_map_lookup_elem(&targets, &key) ? spec : 0;
}

static __always_inline const struct op_config *config_of(__u32 op)
{
	return bpf_map_lookup_elem(&ops, &op);
}

/* Reads the guard; false if its value does not open the operation. */
static __always_inline bool guard(const struct spec *spec, const struct regs *regs, __u64 *value)
{
	*value = 64;
	if (!spec->when)
		return true;
	return !read_arg(&spec->guard, regs, value) && *value < 64 && spec->when >> *value & 1;
}

/*
 * The start time is taken last, so that the time spent here is not counted as
 * the operation's.
 */
static __always_inline int on_start(struct pt_regs *ctx)
{
	const struct spec *spec = spec_of(ctx);
	const struct op_config *config;
	struct task_struct *task;
	struct hit hit = {.spec = spec};
	__u32 level;
	int open;

	if (!spec)
		return 0;
	config = config_of(spec->op);
	if (!config)
		return 0;
	task = bpf_get_current_task_btf();
	hit.thread = bpf_task_storage_get(&threads, task, 0,
					  config->is_inline ? 0 : BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (config->is_inline && (!hit.thread || !hit.thread->level)) {
		count(spec->op, COUNT_OUTSIDE);
		return 0;
	}
	if (!hit.thread) {
		count(spec->op, COUNT_STARTS);
		count(spec->op, COUNT_NO_STORAGE);
		return 0;
	}
	begin_hit(hit.thread, ctx);
	if (!guard(spec, &hit.thread->regs, &hit.thread->guard))
		return 0;
	count(spec->op, COUNT_STARTS);
	open = find_stale(hit.thread, spec->op, config->family);
	if (open >= 0)
		replace(hit.thread, open);
	if (!config->recursive) {
		open = find_frame(hit.thread, spec->op);
		if (open >= 0)
			replace(hit.thread, open);
	}
	hit.frame = push(hit.thread, spec->op, config);
	if (!hit.frame) {
		count(spec->op, COUNT_OVERFLOW);
		return 0;
	}
	level = level_of(hit.frame);
	hit.key = key_at(hit.thread, level);
	if (!config->is_inline) {
		inherit_namespace(hit.thread, hit.key, level);
		hit.event = record_buffer(task, level, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (hit.event)
			begin_event(hit.event, hit.frame);
	}
	capture_values(&hit);
	capture_last(&hit);
	hit.frame->start_ns = hit.thread->real_start_ns ?: bpf_ktime_get_ns();
	return 0;
}

static __always_inline bool chosen(const struct op_config *config)
{
	return config->sample == 0xffffffff || bpf_get_prandom_u32() <= config->sample;
}

/* Decides first and reads the text then: only of operations that are sent. */
static __always_inline void finish(struct hit *hit, const struct op_config *config, __u64 end_ns)
{
	struct thread *thread = hit->thread;
	struct histogram_key *key = hit->key;
	__u32 op = hit->spec->op;
	__u64 duration_ns = end_ns - hit->frame->start_ns;

	if ((__s64)duration_ns < 0)
		duration_ns = 0;
	key->op = op;
	key->failed = thread->failed;
	key->status = thread->status;
	key->tgid = bpf_get_current_pid_tgid() >> 32;
	observe(key, duration_ns);
	if (config->is_inline) {
		count(op, COUNT_INLINED);
		add_entry(thread, hit->event, hit->frame, duration_ns, thread->failed,
			  config->class);
	} else if (!thread->failed && duration_ns < config->min_ns) {
		count(op, COUNT_FILTERED);
	} else if (!thread->failed && !chosen(config)) {
		count(op, COUNT_SAMPLED);
	} else {
		emit(hit, end_ns);
	}
}

static __always_inline int on_done(struct pt_regs *ctx)
{
	__u64 end_ns = bpf_ktime_get_ns();
	const struct spec *spec = spec_of(ctx);
	const struct op_config *config;
	struct task_struct *task;
	struct hit hit = {.spec = spec};
	__u32 level;
	int open = -1;

	if (!spec)
		return 0;
	config = config_of(spec->op);
	if (!config)
		return 0;
	task = bpf_get_current_task_btf();
	hit.thread = bpf_task_storage_get(&threads, task, 0, 0);
	if (config->is_inline && (!hit.thread || !hit.thread->level)) {
		count(spec->op, COUNT_OUTSIDE);
		return 0;
	}
	if (!hit.thread) {
		count(spec->op, COUNT_DONES);
		count(spec->op, COUNT_NO_START);
		return 0;
	}
	begin_hit(hit.thread, ctx);
	if (!guard(spec, &hit.thread->regs, &hit.thread->guard))
		return 0;
	count(spec->op, COUNT_DONES);
	if (!ends_overflow(hit.thread, spec->op))
		open = find_frame(hit.thread, spec->op);
	if (open < 0 || open >= MAX_DEPTH) {
		count(spec->op, COUNT_NO_START);
		return 0;
	}
	replace(hit.thread, open + 1);
	hit.frame = &hit.thread->frames[open];
	level = level_of(hit.frame);
	hit.key = key_at(hit.thread, level);
	hit.event = event_of(hit.frame, record_buffer(task, level, 0));
	capture_values(&hit);
	count(spec->op, COUNT_PAIRED);
	finish(&hit, config, end_ns);
	pop(hit.thread, hit.frame);
	return 0;
}

static __always_inline int on_point(struct pt_regs *ctx)
{
	const struct spec *spec = spec_of(ctx);
	struct regs regs;
	__u64 value;

	if (!spec)
		return 0;
	copy_regs(&regs, ctx);
	if (guard(spec, &regs, &value))
		count(spec->op, COUNT_POINTS);
	return 0;
}

/*
 * On kernels without uprobe_multi links (before 6.6) user space loads these as
 * programs for single uprobes.
 */
SEC("uprobe.multi.s") int start(struct pt_regs *ctx)
{
	return on_start(ctx);
}
SEC("uprobe.multi.s") int done(struct pt_regs *ctx)
{
	return on_done(ctx);
}
SEC("uprobe.multi.s") int point(struct pt_regs *ctx)
{
	return on_point(ctx);
}

/* A thread that ends takes its open operations with it. */
SEC("tp_btf/sched_process_exit") int thread_exit(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct thread *thread = bpf_task_storage_get(&threads, task, 0, 0);

	if (thread)
		abandon(thread);
	return 0;
}

/* The processes that executed a program, for user space to look at anew. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} execs SEC(".maps");

SEC("tp_btf/sched_process_exec") int process_exec(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct thread *thread = bpf_task_storage_get(&threads, task, 0, 0);
	__u32 tgid = task->tgid;

	if (thread)
		abandon(thread);
	bpf_ringbuf_output(&execs, &tgid, sizeof(tgid), 0);
	return 0;
}

/* Open operations by operation, filled when user space reads the iterator. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_OPS);
	__type(key, __u32);
	__type(value, __u64);
} open_operations SEC(".maps");

SEC("iter/task") int count_open(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread *thread;

	if (!task)
		return 0;
	thread = bpf_task_storage_get(&threads, task, 0, 0);
	if (!thread)
		return 0;
	for (int i = 0; i < MAX_DEPTH; i++) {
		__u32 op;
		__u64 *n;

		if (i >= thread->depth)
			break;
		op = thread->frames[i].op;
		n = bpf_map_lookup_elem(&open_operations, &op);
		if (n)
			__sync_fetch_and_add(n, 1);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
