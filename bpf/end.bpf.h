/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where operations end, and the notes before. */
#ifndef SPANBRIDGE_END_BPF_H
#define SPANBRIDGE_END_BPF_H

/* Decides first and reads then, as far as the decision does not depend on it. */
static __always_inline void finish(struct hit *hit, const struct op_config *config, __u64 end_ns)
{
	struct frame *frame = hit->frame;
	struct histogram_key *key = hit->key;
	__u32 op = hit->spec->op;
	__u64 duration_ns = end_ns - frame->start_ns;
	enum counter left_out = 0;
	bool has_clock = !config->is_inline && !config->apart, timed;

	if ((__s64)duration_ns < 0)
		duration_ns = 0;
	key->op = op;
	key->failed = frame->failed;
	key->status = frame->status;
	key->tgid = hit->thread->tgid;
	key->by = config->apart && config->by_value[0] ? *value_at(frame, config->by_value[0] - 1) : 0;
	timed = has_clock && spend(&hit->thread->clock, frame->level);
	observe(key, duration_ns, timed ? &hit->thread->clock.spent : 0);
	if (attribution && has_clock && !timed)
		count(op, COUNT_UNTIMED);
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

		bool joined = finished.value < 64 && config->joins >> finished.value & 1 &&
			      join_entry(hit->thread, &finished,
					 frame_at(hit->thread, frame->owner - 1)->entries);

		count(op, COUNT_INLINED);
		if (!joined)
			add_entry(hit->thread, hit->event, &finished, config->class,
				  MAX_ENTRIES);
		if (config->detailed)
			keep_detail(hit->thread, finished.start_ns, finished.value, joined);
		return;
	}
	end_within(hit->thread, frame, end_ns);
	if (!is_told(config, frame) || (!frame->failed && duration_ns < config->min_ns))
		left_out = COUNT_FILTERED;
	else if (!frame->failed && !chosen(config))
		left_out = COUNT_SAMPLED;
	/* Unless its text sets what later ones need. */
	if (left_out && !(config->prefix_length &&
			  text_begins(hit->thread, frame, hit->site, record_level(hit),
				      config))) {
		count(op, left_out);
		return;
	}
	emit(hit, end_ns, (left_out ? EVENT_UNCHOSEN : 0) | (timed ? EVENT_TIMED : 0));
}

/* A hit that captures into the operation, which goes on. */
static __always_inline int on_note(struct hit *hit)
{
	count(hit->spec->op, COUNT_NOTES);
	capture(hit, 0, hit->spec->captures, WITH_TEXT);
	if (hit->spec->flags & SPEC_LAST_NOTE)
		hit->frame->noted = 1;
	return 0;
}

/* A hit that captures into the operation apart. */
static __always_inline int note_apart(struct hit *hit)
{
	hit->frame = &hit->thread->apart;
	hit->level = hit->thread->level;
	if (hit->frame->start_ns && hit->frame->op == hit->spec->op)
		on_note(hit);
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
	capture(hit, 0, hit->spec->early, 0);
	count(op, COUNT_PAIRED);
	if (!config->is_inline) {
		end_running(hit->thread, level, hit->event, hit->now_ns);
		if (hit->thread->asking && !config->apart)
			take_answers(hit->thread, hit->event, COUNT_REPLACED);
	}
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

/* What an end does in a thread. */
static __always_inline int done_in(struct hit *hit, const struct op_config *config,
				   struct task_struct *task)
{
	__u32 level;
	int open = -1;
	bool ends;

	if (!given(hit->spec, &hit->thread->regs) ||
	    !guard(hit->spec, &hit->thread->regs, &hit->thread->guard))
		return 0;
	if (config->apart && hit->spec->flags & SPEC_NOTE)
		return note_apart(hit);
	if (config->apart)
		raise_apart(hit->thread, hit->spec->op, hit->now_ns);
	if (config->sequence)
		return on_step(hit, config, task, false);
	if (hit->spec->flags & SPEC_NOTE || !ends_overflow(hit->thread, hit->spec->op))
		open = find_frame(hit->thread, hit->spec->op);
	if (open < 0 || tentative_at(hit->thread, open) == DORMANT)
		return on_stray(hit->thread, hit->spec, open < 0 ? open : -1);
	hit->frame = frame_at(hit->thread, open);
	if (hit->spec->flags & SPEC_AFTER_NOTE && !hit->frame->noted)
		return on_stray(hit->thread, hit->spec, SHIELDED);
	ends = is_end(hit->spec, hit->frame);
	if (ends)
		replace(hit->thread, open + 1);
	level = level_of(hit->frame);
	hit->key = key_at(hit->thread, level);
	hit->level = level;
	hit->event = event_of(hit->frame->seq, record_buffer(task, level, 0));
	if (!ends)
		return on_note(hit);
	return on_end(hit, config, level);
}

static __always_inline int on_done(struct pt_regs *ctx)
{
	__u64 end_ns = bpf_ktime_get_ns();
	__u32 site;
	const struct spec *spec = spec_of(ctx, &site);
	const struct op_config *config;
	struct task_struct *task;
	struct hit hit = {.spec = spec, .site = site, .now_ns = end_ns};

	if (!spec)
		return 0;
	config = config_of(spec->op);
	if (!config)
		return 0;
	task = bpf_get_current_task_btf();
	hit.thread = bpf_task_storage_get(&threads, task, 0, 0);
	if (config->is_inline && spec->flags & SPEC_NOTE)
		return on_detail(&hit, ctx, task);
	if (config->is_inline && (!hit.thread || !hit.thread->level)) {
		bool refused = hit.thread && hit.thread->refused_inner == spec->op + 1;

		count(spec->op, refused ? COUNT_UNWANTED : COUNT_OUTSIDE);
		return 0;
	}
	if (!hit.thread)
		return on_stray(0, spec, -1);
	if (attribution && !config->is_inline && !config->apart)
		read_clock(&hit.thread->clock, &hit.thread->clock.end, end_ns);
	begin_hit(hit.thread, ctx);
	set_busy(hit.thread, 1);
	done_in(&hit, config, task);
	set_busy(hit.thread, 0);
	return 0;
}

#endif
