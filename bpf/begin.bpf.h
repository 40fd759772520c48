/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where operations begin: at a start for certain, at an announcement or after the
 * end of another one perhaps.
 */
#ifndef SPANBRIDGE_BEGIN_BPF_H
#define SPANBRIDGE_BEGIN_BPF_H

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
	enter_server(hit->thread, hit->spec);
	level = level_of(hit->frame);
	hit->key = key_at(hit->thread, level);
	if (config->is_inline)
		return true;
	lose_running(hit->thread, level);
	inherit_namespace(hit->thread, hit->key, level);
	hit->level = level;
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

/* The operation begins now, or when it really began. */
static __always_inline void begin_time(struct thread *thread, struct frame *frame)
{
	__u64 real_start_ns = thread->real_start_ns, now_ns;

	if (attribution && !frame->is_inline)
		now_ns = begin_clock(&thread->clock, frame->level, real_start_ns);
	else
		now_ns = bpf_ktime_get_ns();
	frame->start_ns = real_start_ns ?: now_ns;
}

/* What the thread waits for from now on, if the inner operation tells that. */
static __always_inline void tell(struct thread *thread, const struct op_config *config,
				 const struct frame *frame)
{
	__u64 value = frame->values[0];
	__u8 told;

	opaque(value);
	if (value >= MAX_TOLD)
		return;
	told = config->told[value & (MAX_TOLD - 1)];
	if (told)
		thread->clock.told = told;
}

/* What was just popped may be followed by another one, which begins now. */
static __always_inline void follow(struct hit *hit, const struct op_config *config)
{
	struct frame *frame = hit->frame;

	reopen(hit->thread, frame, config->kept);
	restart_event(hit->event, frame);
	clear_rest(hit);
	begin_time(hit->thread, frame);
}

/*
 * Finds what may begin anew: negative if nothing is open, SHIELDED if nothing may
 * begin here, which is also inside of one that is certain.
 */
static __always_inline int find_tentative(struct thread *thread, __u16 op,
					  const struct op_config *config)
{
	int open = find_stale(thread, op, config->family);

	if (open >= 0)
		replace(thread, open);
	open = find_frame(thread, op);
	return open >= 0 && !tentative_at(thread, open) ? SHIELDED : open;
}

/* Goes back to an operation that is open, and to its record; what is inside of it ends. */
static __always_inline void take_up(struct hit *hit, int open, struct task_struct *task)
{
	__u32 level;

	replace(hit->thread, open + 1);
	hit->frame = frame_at(hit->thread, open);
	level = level_of(hit->frame);
	lose_running(hit->thread, level);
	hit->level = level;
	hit->event = event_of(hit->frame->seq, record_buffer(task, level, 0));
}

/*
 * An operation may begin here: whether it does, a start or an end tells. Inside
 * of one that is certain this is the beginning of something else.
 */
static __always_inline int on_announcement(struct hit *hit, const struct op_config *config,
					   struct task_struct *task)
{
	struct thread *thread = hit->thread;
	int open = find_tentative(thread, hit->spec->op, config);

	if (open == SHIELDED)
		return 0;
	if (open >= 0) {
		take_up(hit, open, task);
		pop(thread, hit->frame);
		follow(hit, config);
	} else if (thread->depth >= MAX_DEPTH || !open_frame(hit, config, task)) {
		return 0;
	}
	hit->frame->tentative = ANNOUNCED;
	begin_time(thread, hit->frame);
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
	int open = find_tentative(thread, hit->spec->op, config);

	if (open == SHIELDED)
		return 0;
	if (open >= 0) {
		take_up(hit, open, task);
		hit->frame->tentative = DORMANT;
		thread->entries = hit->frame->entries;
		hit->key = key_at(thread, hit->level);
		clear_rest(hit);
	}
	if (!wanted)
		return 0;
	if (open < 0 && (thread->depth >= MAX_DEPTH || !open_frame(hit, config, task)))
		return 0;
	hit->frame->tentative = RUNNING;
	capture(hit, 0, hit->spec->captures, 0);
	begin_time(thread, hit->frame);
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
	hit->level = level;
	hit->event = event_of(frame->seq, record_buffer(task, level, 0));
	restart_event(hit->event, frame);
	return true;
}

/* An inner operation with nothing around it, if it is one that was asked for. */
static __always_inline int on_outside(struct thread *thread, const struct spec *spec,
				      struct pt_regs *ctx)
{
	bool wanted = !spec->when;

	if (thread && spec->when) {
		begin_hit(thread, ctx);
		wanted = guard(spec, &thread->regs, &thread->guard);
		thread->refused_inner = wanted ? 0 : spec->op + 1;
	}
	if (wanted)
		count(spec->op, COUNT_OUTSIDE);
	return 0;
}

/*
 * The start time is taken last, so that the time spent here is not counted as
 * the operation's.
 */
static __always_inline int start_in(struct hit *hit, const struct op_config *config,
				    struct task_struct *task)
{
	bool wanted, announced;
	__u8 before;

	if (!given(hit->spec, &hit->thread->regs))
		return 0;
	if (config->apart)
		return begin_apart(hit);
	if (hit->spec->flags & SPEC_ANNOUNCES)
		return on_announcement(hit, config, task);
	if (hit->spec->flags & SPEC_TENTATIVE)
		return on_tentative(hit, config, task);
	wanted = opens(hit->thread, hit->spec, config, &before);
	if (config->sequence)
		return wanted ? on_step(hit, config, task, true) : 0;
	announced = wanted && config->follows && find_announced(hit, task);
	if (!announced && (wanted || config->follows))
		make_room(hit->thread, hit->spec->op, config);
	if (!wanted)
		return 0;
	count(hit->spec->op, COUNT_STARTS);
	if (!announced && !open_frame(hit, config, task)) {
		count(hit->spec->op, COUNT_OVERFLOW);
		return 0;
	}
	hit->frame->before = before;
	hit->frame->command = hit->thread->command;
	capture(hit, 0, hit->spec->captures, 0);
	if (hit->event) {
		hit->frame->start_used = checked(hit->event)->used;
		__builtin_memcpy(hit->frame->start_strings, checked(hit->event)->strings,
				 sizeof(hit->frame->start_strings));
	}
	capture(hit, 0, 0, WITH_TEXT);
	if (config->is_inline)
		tell(hit->thread, config, hit->frame);
	if (!announced)
		begin_time(hit->thread, hit->frame);
	return 0;
}

static __always_inline int on_start(struct pt_regs *ctx)
{
	__u32 site;
	const struct spec *spec = spec_of(ctx, &site);
	const struct op_config *config;
	struct task_struct *task;
	struct hit hit = {.spec = spec, .site = site};

	if (!spec)
		return 0;
	config = config_of(spec->op);
	if (!config)
		return 0;
	task = bpf_get_current_task_btf();
	hit.thread = bpf_task_storage_get(&threads, task, 0,
					  config->is_inline ? 0 : BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (config->is_inline && (!hit.thread || !hit.thread->level))
		return on_outside(hit.thread, spec, ctx);
	if (!hit.thread) {
		count(spec->op, COUNT_STARTS);
		count(spec->op, COUNT_NO_STORAGE);
		return 0;
	}
	begin_hit(hit.thread, ctx);
	set_busy(hit.thread, 1);
	start_in(&hit, config, task);
	set_busy(hit.thread, 0);
	return 0;
}

#endif
