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
#include "server.bpf.h"
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
	enum capture_flags capture_flags;
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

/* Ends what runs of a sequence at a level, as an inner operation of the record there. */
static __always_inline void end_running(struct thread *thread, __u32 level, struct event *event,
					__u64 now_ns)
{
	struct running *r = running_at(thread, level);
	struct entry finished = {.op = r->op, .depth = 1, .start_ns = r->start_ns};

	if (!r->active)
		return;
	r->active = 0;
	finished.duration_ns = now_ns - r->start_ns;
	finished.value = r->value;
	count(r->op, COUNT_DONES);
	count(r->op, COUNT_PAIRED);
	count(r->op, COUNT_INLINED);
	add_entry(thread, event, &finished, r->class);
}

/* A step of a sequence: it ends the one before, and at a start it runs now. */
static __always_inline int on_step(struct hit *hit, const struct op_config *config,
				   struct task_struct *task, bool starts)
{
	__u32 level = hit->thread->level - 1;
	struct running *r = running_at(hit->thread, level);

	hit->now_ns = bpf_ktime_get_ns();
	hit->event = event_of(hit->thread->open_seq, record_buffer(task, level, 0));
	end_running(hit->thread, level, hit->event, hit->now_ns);
	if (!starts)
		return 0;
	hit->key = key_at(hit->thread, level);
	hit->frame = &hit->thread->scratch;
	__builtin_memset(hit->frame->values, 0, sizeof(hit->frame->values));
	capture_values(hit, 0, hit->spec->captures);
	count(hit->spec->op, COUNT_STARTS);
	r->op = hit->spec->op;
	r->class = config->class;
	r->value = hit->frame->values[0];
	r->active = 1;
	r->start_ns = hit->now_ns;
	return 0;
}

static __always_inline enum tentative tentative_at(const struct thread *thread, __u32 n)
{
	opaque(n);
	return n < MAX_DEPTH ? thread->frames[n].tentative : CERTAIN;
}

/* What may follow an operation, and what does not nest, ends where another one starts. */
static __always_inline void make_room(struct thread *thread, __u16 op,
				      const struct op_config *config)
{
	int open = find_stale(thread, op, config->family);

	if (open >= 0)
		replace(thread, open);
	if (config->recursive)
		return;
	open = find_frame(thread, op);
	if (open >= 0)
		replace(thread, open);
}

/* Remembers the command; false if it does not open the operation. */
static __always_inline bool opens(struct thread *thread, const struct spec *spec,
				  const struct op_config *config, __u8 *before)
{
	bool wanted = guard(spec, &thread->regs, &thread->guard);

	*before = 0;
	if (!spec->when)
		return wanted;
	if (config->is_inline) {
		thread->refused_inner = wanted ? 0 : spec->op + 1;
		return wanted;
	}
	*before = thread->command;
	thread->command = (thread->guard < 64 ? thread->guard : 64) + 1;
	thread->refused = wanted ? 0 : spec->op + 1;
	return wanted;
}

/* Opens the operation, with its record. */
static __always_inline bool open_frame(struct hit *hit, const struct op_config *config,
				       struct task_struct *task)
{
	__u32 level;

	hit->frame = push(hit->thread, hit->spec->op, config);
	if (!hit->frame)
		return false;
	if (!hit->thread->tgid)
		hit->thread->tgid = hit->spec->flags & SPEC_FORKS ? server_tgid() : task->tgid;
	level = level_of(hit->frame);
	hit->key = key_at(hit->thread, level);
	if (config->is_inline)
		return true;
	lose_running(hit->thread, level);
	inherit_namespace(hit->thread, hit->key, level);
	hit->event = record_buffer(task, level, BPF_LOCAL_STORAGE_GET_F_CREATE);
	begin_event(hit->event, hit->frame);
	return true;
}

/* Forgets the sums of inner operations that had no room. */
static __always_inline void clear_rest(struct hit *hit)
{
	if (!hit->event)
		return;
	__builtin_memset(checked(hit->event)->rest_count, 0, sizeof(hit->event->rest_count));
	__builtin_memset(checked(hit->event)->rest_ns, 0, sizeof(hit->event->rest_ns));
}

/* What was just popped may be followed by another one, which begins now. */
static __always_inline void follow(struct hit *hit, const struct op_config *config)
{
	struct frame *frame = hit->frame;

	reopen(hit->thread, frame, config->kept);
	restart_event(hit->event, frame);
	clear_rest(hit);
	frame->start_ns = bpf_ktime_get_ns();
}

/*
 * An operation may begin here: whether it does, a start or an end tells. Inside
 * of one that is certain this is the beginning of something else.
 */
static __always_inline int on_announcement(struct hit *hit, const struct op_config *config,
					   struct task_struct *task)
{
	struct thread *thread = hit->thread;
	int open = find_stale(thread, hit->spec->op, config->family);
	__u32 level;

	if (open >= 0)
		replace(thread, open);
	open = find_frame(thread, hit->spec->op);
	if (open == SHIELDED || (open >= 0 && !tentative_at(thread, open)))
		return 0;
	if (open >= 0) {
		replace(thread, open + 1);
		hit->frame = frame_at(thread, open);
		level = level_of(hit->frame);
		lose_running(thread, level);
		hit->event = event_of(hit->frame->seq, record_buffer(task, level, 0));
		pop(thread, hit->frame);
		follow(hit, config);
	} else if (thread->depth >= MAX_DEPTH || !open_frame(hit, config, task)) {
		return 0;
	}
	hit->frame->tentative = ANNOUNCED;
	hit->frame->start_ns = bpf_ktime_get_ns();
	return 0;
}

/*
 * An operation may begin here, and only its end tells. Until then each hit
 * begins it anew, with the values that notes have captured meanwhile; one whose
 * guard is not met lays it aside until the next.
 */
static __always_inline int on_tentative(struct hit *hit, const struct op_config *config,
					struct task_struct *task)
{
	struct thread *thread = hit->thread;
	bool wanted = guard(hit->spec, &thread->regs, &thread->guard);
	int open = find_stale(thread, hit->spec->op, config->family);
	__u32 level;

	if (open >= 0)
		replace(thread, open);
	open = find_frame(thread, hit->spec->op);
	if (open == SHIELDED || (open >= 0 && !tentative_at(thread, open)))
		return 0;
	if (open >= 0) {
		replace(thread, open + 1);
		hit->frame = frame_at(thread, open);
		hit->frame->tentative = DORMANT;
		thread->entries = hit->frame->entries;
		level = level_of(hit->frame);
		hit->key = key_at(thread, level);
		lose_running(thread, level);
		hit->event = event_of(hit->frame->seq, record_buffer(task, level, 0));
		clear_rest(hit);
	}
	if (!wanted)
		return 0;
	if (open < 0 && (thread->depth >= MAX_DEPTH || !open_frame(hit, config, task)))
		return 0;
	hit->frame->tentative = ANNOUNCED;
	capture_values(hit, 0, hit->spec->captures);
	hit->frame->start_ns = bpf_ktime_get_ns();
	return 0;
}

/* Finds what was announced, so that it goes on as certain, with nothing captured yet. */
static __always_inline bool find_announced(struct hit *hit, struct task_struct *task)
{
	int open = find_frame(hit->thread, hit->spec->op);
	struct frame *frame;
	__u32 level;

	if (open < 0 || tentative_at(hit->thread, open) != ANNOUNCED)
		return false;
	frame = frame_at(hit->thread, open);
	frame->tentative = CERTAIN;
	frame->noted = 0;
	frame->failed = 0;
	frame->status = 0;
	frame->start_used = 0;
	__builtin_memset(frame->start_strings, 0, sizeof(frame->start_strings));
	__builtin_memset(frame->values, 0, sizeof(frame->values));
	level = level_of(frame);
	hit->frame = frame;
	hit->key = key_at(hit->thread, level);
	inherit_namespace(hit->thread, hit->key, level);
	hit->event = event_of(frame->seq, record_buffer(task, level, 0));
	restart_event(hit->event, frame);
	return true;
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
	bool wanted, announced;
	__u8 before;

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
	if (!given(spec, &hit.thread->regs))
		return 0;
	if (spec->flags & SPEC_ANNOUNCES)
		return on_announcement(&hit, config, task);
	if (spec->flags & SPEC_TENTATIVE)
		return on_tentative(&hit, config, task);
	wanted = opens(hit.thread, spec, config, &before);
	if (config->sequence)
		return wanted ? on_step(&hit, config, task, true) : 0;
	announced = wanted && config->follows && find_announced(&hit, task);
	if (!announced && (wanted || config->follows))
		make_room(hit.thread, spec->op, config);
	if (!wanted)
		return 0;
	count(spec->op, COUNT_STARTS);
	if (!announced && !open_frame(&hit, config, task)) {
		count(spec->op, COUNT_OVERFLOW);
		return 0;
	}
	hit.frame->before = before;
	hit.frame->command = hit.thread->command;
	capture_values(&hit, 0, spec->captures);
	if (hit.event) {
		hit.frame->start_used = checked(hit.event)->used;
		__builtin_memcpy(hit.frame->start_strings, checked(hit.event)->strings,
				 sizeof(hit.frame->start_strings));
	}
	capture_last(&hit);
	if (!announced)
		hit.frame->start_ns = hit.thread->real_start_ns ?: bpf_ktime_get_ns();
	return 0;
}

static __always_inline bool chosen(const struct op_config *config)
{
	return config->sample == 0xffffffff || bpf_get_prandom_u32() <= config->sample;
}

/* Decides first and reads then, as far as the decision does not depend on it. */
static __always_inline void finish(struct hit *hit, const struct op_config *config, __u64 end_ns)
{
	struct frame *frame = hit->frame;
	struct histogram_key *key = hit->key;
	__u32 op = hit->spec->op;
	__u64 duration_ns = end_ns - frame->start_ns;
	enum counter left_out = 0;

	if ((__s64)duration_ns < 0)
		duration_ns = 0;
	key->op = op;
	key->failed = frame->failed;
	key->status = frame->status;
	key->tgid = hit->thread->tgid;
	observe(key, duration_ns);
	if (config->is_inline && duration_ns < config->min_ns) {
		count(op, COUNT_FILTERED);
		return;
	}
	if (config->is_inline) {
		struct entry finished = {
			.op = op,
			.flags = frame->failed ? EVENT_FAILED : 0,
			.depth = hit->thread->depth - frame->owner,
			.start_ns = frame->start_ns,
			.duration_ns = duration_ns,
			.value = frame->values[0],
		};

		count(op, COUNT_INLINED);
		if (finished.value < 64 && config->joins >> finished.value & 1 &&
		    join_entry(hit->thread, &finished,
			       frame_at(hit->thread, frame->owner - 1)->entries))
			return;
		add_entry(hit->thread, hit->event, &finished, config->class);
		return;
	}
	if (!frame->failed && duration_ns < config->min_ns)
		left_out = COUNT_FILTERED;
	else if (!frame->failed && !chosen(config))
		left_out = COUNT_SAMPLED;
	/* Unless its text sets what later ones need. */
	if (left_out && !(config->prefix_length &&
			  text_begins(hit, config->prefix, config->prefix_length))) {
		count(op, left_out);
		return;
	}
	emit(hit, end_ns, left_out ? EVENT_UNCHOSEN : 0);
}

/* A hit that captures into the operation, which goes on. */
static __always_inline int on_note(struct hit *hit)
{
	count(hit->spec->op, COUNT_NOTES);
	capture_values(hit, 0, hit->spec->captures);
	capture_last(hit);
	if (hit->spec->flags & SPEC_LAST_NOTE)
		hit->frame->noted = 1;
	return 0;
}

/* Ends the frame, with all above it. */
static __always_inline int on_end(struct hit *hit, const struct op_config *config, __u32 level)
{
	__u32 op = hit->spec->op;

	if (hit->frame->tentative) {
		/* So it was one. */
		hit->frame->tentative = CERTAIN;
		count(op, COUNT_STARTS);
	}
	count(op, COUNT_DONES);
	capture_values(hit, 0, hit->spec->early);
	count(op, COUNT_PAIRED);
	if (!config->is_inline)
		end_running(hit->thread, level, hit->event, hit->now_ns);
	finish(hit, config, hit->now_ns);
	pop(hit->thread, hit->frame);
	if (config->follows)
		follow(hit, config);
	return 0;
}

/* An end that finds nothing to end. */
static __always_inline int on_stray(struct thread *thread, const struct spec *spec, int open)
{
	__u32 op = spec->op + 1;

	if (spec->flags & SPEC_NOTE)
		return 0;
	if (open == SHIELDED ||
	    (thread && (thread->refused == op || thread->refused_inner == op))) {
		count(spec->op, COUNT_UNWANTED);
		return 0;
	}
	if (spec->flags & SPEC_OPTIONAL)
		return 0;
	count(spec->op, COUNT_DONES);
	count(spec->op, COUNT_NO_START);
	return 0;
}

/* Whether a hit ends the operation, or captures into it only. */
static __always_inline bool is_end(const struct spec *spec, const struct frame *frame)
{
	if (spec->flags & SPEC_NOTE)
		return false;
	return !spec->needs || frame->values[(spec->needs - 1) & (MAX_VALUES - 1)];
}

static __always_inline int on_done(struct pt_regs *ctx)
{
	__u64 end_ns = bpf_ktime_get_ns();
	const struct spec *spec = spec_of(ctx);
	const struct op_config *config;
	struct task_struct *task;
	struct hit hit = {.spec = spec, .now_ns = end_ns};
	__u32 level;
	int open = -1;
	bool ends;

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
	if (!hit.thread)
		return on_stray(0, spec, open);
	begin_hit(hit.thread, ctx);
	if (!given(spec, &hit.thread->regs) ||
	    !guard(spec, &hit.thread->regs, &hit.thread->guard))
		return 0;
	if (config->sequence)
		return on_step(&hit, config, task, false);
	if (spec->flags & SPEC_NOTE || !ends_overflow(hit.thread, spec->op))
		open = find_frame(hit.thread, spec->op);
	if (open < 0 || tentative_at(hit.thread, open) == DORMANT)
		return on_stray(hit.thread, spec, open < 0 ? open : -1);
	hit.frame = frame_at(hit.thread, open);
	if (spec->flags & SPEC_AFTER_NOTE && !hit.frame->noted)
		return on_stray(hit.thread, spec, SHIELDED);
	ends = is_end(spec, hit.frame);
	if (ends)
		replace(hit.thread, open + 1);
	level = level_of(hit.frame);
	hit.key = key_at(hit.thread, level);
	hit.event = event_of(hit.frame->seq, record_buffer(task, level, 0));
	if (!ends)
		return on_note(&hit);
	return on_end(&hit, config, level);
}

static __always_inline int on_point(struct pt_regs *ctx)
{
	const struct spec *spec = spec_of(ctx);
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
	for (int i = 0; i < MAX_LEVELS; i++) {
		__u32 op = thread->running[i].op;
		__u64 *n = bpf_map_lookup_elem(&open_operations, &op);

		if (n && thread->running[i].active)
			__sync_fetch_and_add(n, 1);
	}
	for (int i = 0; i < MAX_DEPTH; i++) {
		__u32 op;
		__u64 *n;

		if (i >= thread->depth)
			break;
		if (thread->frames[i].tentative)
			continue;
		op = thread->frames[i].op;
		n = bpf_map_lookup_elem(&open_operations, &op);
		if (n)
			__sync_fetch_and_add(n, 1);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
