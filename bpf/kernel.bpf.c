// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// clang-format off
//go:build ignore
// clang-format on

/*
 * Programs for the start, the end and the single events of operations at probes
 * of the kernel: kprobes, entry and exit of functions, tracepoints. They are an
 * object of their own, loaded only where a profile has such probes, and share the
 * maps of the first one.
 *
 * All kinds have their arguments in the program's context, at places that user
 * space knows: registers in struct pt_regs, words of a function or of a raw
 * tracepoint, fields of a tracepoint's record. So one handler serves them all.
 *
 * None may sleep. They run in any thread, and in interrupts.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "record.h"
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
#include "kernelargs.bpf.h"
#include "pending.bpf.h"
#include "bynumber.bpf.h"

#define BY_COOKIE (__u32)-1
#define BY_CALL	  (__u32)-2 /* where system calls begin, by their numbers */
#define BY_RETURN (__u32)-3 /* where they return */

/* The site of a program that is loaded for one alone, else how it is found. */
const volatile __u32 only_site = BY_COOKIE;

static __always_inline __u32 site_of(void *ctx)
{
	switch (only_site) {
	case BY_COOKIE:
		return bpf_get_attach_cookie(ctx);
	case BY_CALL:
		return site_of_call(ctx, 0);
	case BY_RETURN:
		return site_of_call(ctx, NUM_CALLS);
	}
	return only_site;
}

static __always_inline bool is_target(__u32 op, __u32 tgid)
{
	__u64 key = (__u64)op << 32 | tgid;

	return bpf_map_lookup_elem(&targets, &key);
}

/* Reports whether a target started the current process, or what started it. */
__noinline int is_child(__u32 op)
{
	struct task_struct *task = bpf_get_current_task_btf();

	for (int i = 0; i < MAX_ANCESTORS; i++) {
		task = BPF_CORE_READ(task, real_parent);
		if (is_target(op, BPF_CORE_READ(task, tgid)))
			return 1;
	}
	return 0;
}

static __always_inline bool wanted_of(const struct spec *spec, __u32 tgid)
{
	if (!(spec->flags & SPEC_ONLY_TARGETS) || is_target(spec->op, tgid))
		return true;
	if (spec->flags & SPEC_CHILDREN)
		return is_child(spec->op);
	return spec->flags & SPEC_FORKS && is_target(spec->op, server_tgid());
}

static __always_inline bool wanted_here(const struct spec *spec)
{
	return wanted_of(spec, bpf_get_current_pid_tgid() >> 32);
}

/* False if the value of the guard does not meet the condition. */
static __always_inline bool guard(const struct spec *spec, const struct moment *at)
{
	__u64 value = 0;

	if (spec->given.kind != ARG_NONE && (read_word(&spec->given, at, 0, &value) || !value))
		return false;
	if (!spec->when)
		return true;
	if (read_word(&spec->guard, at, 0, &value))
		return false;
	if (spec->flags & SPEC_TRUTH)
		value = value != 0;
	value -= spec->when_base;
	return value < 64 && spec->when >> value & 1;
}

/* Fills in the hit; false if it does not count. */
static __always_inline bool meets(struct hit *hit, __u32 site)
{
	__u32 op;

	hit->spec = bpf_map_lookup_elem(&sites, &site);
	if (!hit->spec || !(hit->spec->flags & SPEC_ARMED))
		return false;
	op = hit->spec->op;
	hit->config = bpf_map_lookup_elem(&ops, &op);
	return hit->config && guard(hit->spec, &hit->at);
}

/* An end that finds nothing to end. */
static __always_inline void end_stray(const struct hit *hit)
{
	__u32 op = hit->spec->op;

	if (hit->spec->flags & SPEC_OPTIONAL)
		return;
	if (hit->config->conditional) {
		count(op, COUNT_UNWANTED);
		return;
	}
	count(op, COUNT_DONES);
	count(op, COUNT_NO_START);
}

#include "inside.bpf.h"

static __always_inline int on_start(struct hit *hit, __u32 site)
{
	struct thread *thread = 0;
	__u32 op;

	if (!meets(hit, site) || !find_owner(hit))
		return 0;
	if (hit->config->is_inline)
		thread = find_around(hit);
	if (hit->config->is_inline ? !thread : !wanted_of(hit->spec, hit->owner.tgid))
		return 0;
	op = hit->spec->op;
	count(op, COUNT_STARTS);
	if (!open_pending(hit))
		return 0;
	if (thread)
		hit->event->parent_seq = thread->open_seq;
	capture_all(hit);
	if (thread && is_asked(hit->config)) {
		begin_asked(hit, thread);
		return 0;
	}
	/* Last, so that the time spent here is not counted as the operation's. */
	hit->event->start_ns = hit->real_start_ns ?: bpf_ktime_get_ns();
	return 0;
}

/* What the histogram tells apart beyond the operation. */
static __always_inline void tell_apart(struct histogram_key *key, const struct hit *hit)
{
	const struct op_config *config = hit->config;
	const struct event *event = hit->event;

	key->op = hit->spec->op;
	key->failed = !!(event->flags & EVENT_FAILED);
	key->tgid = config->of_host ? 0 : event->tgid;
	if (config->error)
		key->status = event->values[(config->error - 1) & (MAX_VALUES - 1)];
	if (config->by_string)
		copy_name(key, hit);
	for (int i = 0; i < BY_VALUES; i++)
		if (config->by_value[i])
			key->namespace[NAMESPACE_SIZE / 8 - BY_VALUES + i] =
				event->values[(config->by_value[i] - 1) & (MAX_VALUES - 1)];
}

/* Adds up the values that the profile names. One below 0 is an error number. */
__noinline int add_sums(struct histogram *h, const struct op_config *config,
			const struct event *event)
{
	if (!h || !config || !event)
		return 0;
	for (int i = 0; i < MAX_SUMS; i++) {
		__u32 slot = config->sums[i] - 1;
		__s64 value;

		if (slot >= MAX_VALUES)
			continue;
		value = event->values[slot];
		if (value > 0)
			__sync_fetch_and_add(&h->sums[i], value);
	}
	return 0;
}

static __always_inline void finish(struct hit *hit)
{
	const struct op_config *config = hit->config;
	struct event *event = hit->event;
	struct histogram_key key = {};
	struct histogram *h;
	__u64 duration_ns = hit->at.now_ns - event->start_ns;
	__u32 op = hit->spec->op;

	if ((__s64)duration_ns < 0)
		duration_ns = 0;
	if (hit->spec->flags & SPEC_SETTLES && !wanted_of(hit->spec, event->tgid)) {
		count(op, COUNT_FILTERED);
		return;
	}
	tell_apart(&key, hit);
	h = observe(&key, duration_ns, 0);
	if (h)
		add_sums(h, config, event);
	if (!key.failed && duration_ns < config->min_ns) {
		count(op, COUNT_FILTERED);
		return;
	}
	if (!key.failed && !chosen(config)) {
		count(op, COUNT_SAMPLED);
		return;
	}
	event->end_ns = event->start_ns + duration_ns;
	if (event->used > data_size) {
		count(op, COUNT_KERNEL_ERRORS);
		return;
	}
	submit(event, event->used);
}

static __always_inline int on_done(struct hit *hit, __u32 site)
{
	__u32 op;

	hit->at.now_ns = bpf_ktime_get_ns();
	if (!meets(hit, site))
		return 0;
	op = hit->spec->op;
	if (is_asked(hit->config))
		return end_asked(hit);
	if (hit->config->is_inline)
		return end_inside(hit);
	if (!find_pending(hit)) {
		if (!(hit->spec->flags & SPEC_NOTE) && wanted_here(hit->spec))
			end_stray(hit);
		return 0;
	}
	if (hit->spec->flags & SPEC_OWNER && find_owner(hit))
		enter_owner(hit);
	if (hit->spec->flags & SPEC_NOTE) {
		count(op, COUNT_NOTES);
		capture_all(hit);
		return 0;
	}
	count(op, COUNT_DONES);
	count(op, COUNT_PAIRED);
	capture_all(hit);
	if (hit->real_start_ns)
		hit->event->start_ns = hit->real_start_ns;
	finish(hit);
	close_pending(hit);
	return 0;
}

/* Single events, by site: one operation may be at all that match a pattern. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} points SEC(".maps");

static __always_inline int on_point(struct hit *hit, __u32 site)
{
	__u64 *n;

	if (!meets(hit, site) || !wanted_here(hit->spec))
		return 0;
	count(hit->spec->op, COUNT_POINTS);
	n = bpf_map_lookup_elem(&points, &site);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

/*
 * User space loads these with the type of each kind of probe: the code is the
 * same for all.
 */
SEC("kprobe") int kernel_start(void *ctx)
{
	struct hit hit = {.at = {.context = (__u64)ctx}};

	return on_start(&hit, site_of(ctx));
}
SEC("kprobe") int kernel_done(void *ctx)
{
	struct hit hit = {.at = {.context = (__u64)ctx}};

	return on_done(&hit, site_of(ctx));
}
SEC("kprobe") int kernel_point(void *ctx)
{
	struct hit hit = {.at = {.context = (__u64)ctx}};

	return on_point(&hit, site_of(ctx));
}

/* A thread that ends takes its open operations with it. */
SEC("raw_tp/sched_process_exit") int pending_exit(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	abandon_pending(task);
	forget_asked(task);
	return 0;
}

SEC("iter/task") int count_pending(struct bpf_iter__task *ctx)
{
	if (ctx->task)
		count_open_pending(ctx->task);
	return 0;
}

/* What threads have open now, which go on meanwhile. */
SEC("iter/task") int read_pending(struct bpf_iter__task *ctx)
{
	return read_slots(ctx, false);
}

/* What threads have open when the session ends: of no other one is told afterwards. */
SEC("iter/task") int take_pending(struct bpf_iter__task *ctx)
{
	return read_slots(ctx, true);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
