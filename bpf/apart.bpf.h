/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Operations apart: they nest in no others and no others in them, as a transaction
 * begins in one statement and ends in another. A thread has one of them open at a time,
 * beside its stack.
 */
#ifndef SPANBRIDGE_APART_BPF_H
#define SPANBRIDGE_APART_BPF_H

/* What was done in a period of the operation, for the thread's outermost ones. */
static __always_inline void add_within(struct within *within, const struct frame *apart,
				       const struct frame *frame, __u64 now_ns)
{
	__u64 from = frame->start_ns > apart->start_ns ? frame->start_ns : apart->start_ns;

	within->count++;
	if (now_ns > from)
		within->ns += now_ns - from;
}

/* An outermost operation ends in the one apart, if that is open. */
static __always_inline void end_within(struct thread *thread, const struct frame *frame, __u64 now_ns)
{
	if (thread->apart.start_ns && !frame->level)
		add_within(&thread->within, &thread->apart, frame, now_ns);
}

/* Enters what was done until now, with what the thread does now. */
static __always_inline void enter_within(struct event *event, const struct thread *thread,
					 __u64 now_ns)
{
	const struct frame *outermost = &thread->frames[0];
	struct within within = thread->within;

	if (thread->depth && has_record(outermost))
		add_within(&within, &thread->apart, outermost, now_ns);
	event->rest_count[0] = within.count;
	event->rest_ns[0] = within.ns;
}

static __always_inline int begin_apart(struct hit *hit)
{
	struct thread *thread = hit->thread;
	struct frame *frame = &thread->apart;

	if (frame->start_ns)
		count(frame->op, COUNT_REPLACED);
	count(hit->spec->op, COUNT_STARTS);
	__builtin_memset(frame, 0, sizeof(*frame));
	__builtin_memset(&thread->within, 0, sizeof(thread->within));
	frame->op = hit->spec->op;
	frame->seq = ++thread->next_seq;
	enter_server(thread, hit->spec);
	hit->frame = frame;
	hit->level = thread->level;
	capture(hit, 0, hit->spec->captures, 0);
	frame->start_ns = bpf_ktime_get_ns();
	return 0;
}

/*
 * Puts the operation apart, if it is open, on top of the stack, to end there as any other.
 * It has a record only if there is something to tell.
 */
__noinline int raise_apart(struct thread *thread, __u16 op, __u64 now_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct op_config *config;
	struct event *event;
	struct frame *frame;
	__u32 key = op, level;

	config = bpf_map_lookup_elem(&ops, &key);
	if (!thread || !config || !thread->apart.start_ns || thread->apart.op != op)
		return 0;
	if (thread->depth >= MAX_DEPTH)
		replace(thread, MAX_DEPTH - 1);
	level = thread->level;
	frame = frame_at(thread, thread->depth);
	bpf_probe_read_kernel(frame, sizeof(*frame), &thread->apart);
	frame->level = level;
	frame->owner = thread->owner;
	frame->entries = thread->entries;
	frame->parent_seq = thread->open_seq;
	frame->told = thread->clock.told;
	begin_waits(&thread->clock, level);
	event = is_told(config, frame) ? record_buffer(task, level, BPF_LOCAL_STORAGE_GET_F_CREATE) : 0;
	if (event) {
		begin_event(event, frame);
		enter_within(checked(event), thread, now_ns);
	}
	thread->apart.start_ns = 0;
	thread->depth++;
	thread->level++;
	thread->owner = thread->depth;
	thread->open_seq = frame->seq;
	return 0;
}

#endif
