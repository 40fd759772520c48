/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sequences of inner operations, of which each start ends the one before. */
#ifndef SPANBRIDGE_SEQUENCE_BPF_H
#define SPANBRIDGE_SEQUENCE_BPF_H

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
	add_entry(thread, event, &finished, r->class, MAX_ENTRIES);
}

/* A step of a sequence: it ends the one before, and at a start it runs now. */
static __always_inline int on_step(struct hit *hit, const struct op_config *config,
				   struct task_struct *task, bool starts)
{
	__u32 level = hit->thread->level - 1;
	struct running *r = running_at(hit->thread, level);

	hit->now_ns = bpf_ktime_get_ns();
	hit->level = level;
	hit->event = event_of(hit->thread->open_seq, record_buffer(task, level, 0));
	end_running(hit->thread, level, hit->event, hit->now_ns);
	if (!starts)
		return 0;
	hit->key = key_at(hit->thread, level);
	hit->frame = &hit->thread->scratch;
	__builtin_memset(hit->frame->values, 0, sizeof(hit->frame->values));
	capture(hit, 0, hit->spec->captures, 0);
	count(hit->spec->op, COUNT_STARTS);
	r->op = hit->spec->op;
	r->class = config->class;
	r->value = hit->frame->values[0];
	r->active = 1;
	r->start_ns = hit->now_ns;
	return 0;
}

#endif
