/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Operations that have not ended: what runs now, which user space reads with an
 * iterator, and what ends with its thread. Both give the record that the end
 * would have sent, as far as it is known, with what is open inside of it.
 */
#ifndef SPANBRIDGE_OPEN_BPF_H
#define SPANBRIDGE_OPEN_BPF_H

/* User space gives it the size of a record buffer, and reads by itself only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} unfinished SEC(".maps");

/* User space is about to leave: who is read now is not told of again. */
__u32 taking = 0;

/*
 * Bytes of data of all records of a thread. The kernel has room for eight pages of
 * one thread (bpf_seq_read, kernel/bpf/bpf_iter.c), and the records want some.
 */
#define DATA_ROOM (16 << 10)

struct open_walk {
	struct thread *thread;
	struct task_struct *task;
	struct seq_file *seq;
	__u64 now_ns;
	__u32 depth, room;
};

/* Enters an inner operation that is open behind those that have ended. */
static __always_inline void append_open(struct event *event, const struct entry *e)
{
	__u32 n = event->entries, offset = event->used;

	opaque(offset);
	if (n >= MAX_ENTRIES || offset > DATA_SIZE - sizeof(*e))
		return;
	if (bpf_probe_read_kernel(data_of(event) + offset, sizeof(*e), e))
		return;
	event->entries = n + 1;
	event->used = offset + sizeof(*e);
}

/* What is open inside of frame number n. */
struct inner_walk {
	struct thread *thread;
	struct event *event;
	__u64 now_ns;
	__u32 n, depth;
};

/* A callback: as the body of a loop it would be verified once for each frame. */
static long append_inner(__u32 i, struct inner_walk *w)
{
	__u32 top = w->depth - 1 - i;
	struct entry e = {.flags = EVENT_UNFINISHED};
	struct frame *frame;

	opaque(top);
	if (top >= MAX_DEPTH || top <= w->n)
		return 1;
	frame = &w->thread->frames[top];
	if (!frame->is_inline || frame->owner != w->n + 1)
		return 0;
	e.op = frame->op;
	e.depth = top + 1 - frame->owner;
	e.start_ns = frame->start_ns;
	e.duration_ns = w->now_ns - frame->start_ns;
	e.value = frame->values[0];
	append_open(w->event, &e);
	return 0;
}

static __always_inline void append_running(struct thread *thread, __u32 level,
					   struct event *event, __u64 now_ns)
{
	struct running *r = running_at(thread, level);
	struct entry e = {.flags = EVENT_UNFINISHED, .op = r->op, .depth = 1};

	if (!r->active)
		return;
	e.start_ns = r->start_ns;
	e.duration_ns = now_ns - r->start_ns;
	e.value = r->value;
	append_open(event, &e);
}

/*
 * Appends the details of entries, and in place of the oldest what notes have told
 * of the innermost operation that is open.
 */
static __always_inline void append_details_now(const struct thread *thread, struct event *event,
					       const struct details *d)
{
	__u32 top = thread->depth - 1, offset;
	const struct frame *frame;
	struct detail *now;

	append_details(event, d);
	opaque(top);
	if (!d || !event->details || top >= MAX_DEPTH)
		return;
	frame = &thread->frames[top];
	if (!frame->is_inline || d->seq != frame->seq || frame->values[0] >= 64 ||
	    !(d->of >> frame->values[0] & 1))
		return;
	offset = event->used - sizeof(d->kept) + (d->next & (MAX_DETAILS - 1)) * sizeof(*now);
	opaque(offset);
	if (offset > DATA_SIZE - sizeof(*now))
		return;
	now = (struct detail *)(data_of(event) + offset);
	bpf_probe_read_kernel(now, sizeof(*now), &d->now);
	now->start_ns = frame->start_ns;
	bpf_probe_read_kernel(now->values, sizeof(now->values), d->frame.values);
}

/* Makes a record what is known of the operation of frame number n. */
static __always_inline void tell_unfinished(struct thread *thread, struct task_struct *task,
					    const struct frame *frame, __u32 n, struct event *event,
					    __u64 now_ns, __u16 flags)
{
	struct inner_walk inner = {
		.thread = thread, .event = event, .now_ns = now_ns, .n = n, .depth = thread->depth,
	};

	fill(event, frame, now_ns, EVENT_UNFINISHED | flags);
	event->tgid = thread->tgid;
	event->waits = 0;
	event->unlisted = 0;
	append_entries(thread, frame, event);
	bpf_loop(MAX_DEPTH, append_inner, &inner, 0);
	append_running(thread, frame->level, event, now_ns);
	event->details = 0;
	if (frame->seq == thread->open_seq)
		append_details_now(thread, event, bpf_task_storage_get(&details, task, 0, 0));
}

/* The frame that a walk over the open ones, inner ones first, is at, if a record tells of it. */
static __always_inline struct frame *frame_of_walk(const struct open_walk *w, __u32 i, __u32 *number)
{
	__u32 n = w->depth - 1 - i;
	struct frame *frame;

	*number = n;
	opaque(n);
	if (n >= MAX_DEPTH)
		return 0;
	frame = &w->thread->frames[n];
	return has_record(frame) ? frame : 0;
}

/* The record in its buffer, or NULL. */
static __always_inline struct event *event_of_walk(const struct open_walk *w, const struct frame *frame)
{
	return event_of(frame->seq, record_buffer(w->task, frame->level, 0));
}

/*
 * A callback. What only its end would have told to be one has begun all the same, if its
 * thread ends in it.
 */
static long count_abandoned(__u32 i, struct open_walk *w)
{
	const struct frame *frame;

	opaque(i);
	if (i >= w->depth || i >= MAX_DEPTH)
		return 1;
	frame = &w->thread->frames[i];
	if (frame->tentative && frame->tentative != RUNNING)
		return 0;
	if (frame->tentative)
		count(frame->op, COUNT_STARTS);
	count(frame->op, COUNT_ABANDONED);
	return 0;
}

/* The verifier wants the test of a size on the register that is used. */
static __always_inline long send_known(struct event *event, __u64 size)
{
	__u64 flags = wake_flags(sizeof(*event) + size);

	opaque(size);
	if (size > DATA_SIZE)
		return -1;
	return bpf_ringbuf_output(&events, event, sizeof(*event) + size, flags);
}

/* Sends what is known of an operation whose thread ends. */
static long send_unfinished(__u32 i, struct open_walk *w)
{
	struct thread *thread = w->thread;
	struct event *event;
	struct frame *frame;
	__u32 n;

	frame = frame_of_walk(w, i, &n);
	if (!frame)
		return 0;
	event = event_of_walk(w, frame);
	if (!event) {
		bare_event(thread, frame, w->now_ns, EVENT_UNFINISHED | EVENT_FAILED | EVENT_NO_TEXT);
		if (!send(&thread->bare, sizeof(thread->bare)))
			count(frame->op, COUNT_UNFINISHED);
		return 0;
	}
	event = checked(event);
	tell_unfinished(thread, w->task, frame, n, event, w->now_ns, EVENT_FAILED);
	if (!send_known(event, event->used))
		count(frame->op, COUNT_UNFINISHED);
	return 0;
}

/* Makes a record what is known of the operation apart; what only its end reads is not. */
static __always_inline void tell_apart(const struct thread *thread, struct event *event, __u64 now_ns,
				       __u16 flags)
{
	begin_event(event, &thread->apart);
	fill(event, &thread->apart, now_ns, EVENT_UNFINISHED | flags);
	event->tgid = thread->tgid;
	enter_within(event, thread, now_ns);
}

static __always_inline void abandon_apart(struct thread *thread, bool tell, __u64 now_ns)
{
	if (!thread->apart.start_ns)
		return;
	if (tell && apart_is_told(thread)) {
		tell_apart(thread, &thread->bare, now_ns, EVENT_FAILED);
		if (!send(&thread->bare, sizeof(thread->bare)))
			count(thread->apart.op, COUNT_UNFINISHED);
	}
	count(thread->apart.op, COUNT_ABANDONED);
}

/* Forgets all open operations: the thread, or the program that it ran, has ended. */
__noinline int abandon(struct thread *thread)
{
	struct open_walk w = {.thread = thread, .task = bpf_get_current_task_btf()};
	enum teller before;

	if (!thread)
		return 0;
	before = claim(&thread->teller, TELLER_THREAD);
	if (before == TELLER_GONE)
		return 0;
	w.now_ns = bpf_ktime_get_ns();
	w.depth = thread->depth;
	if (w.depth && !before)
		bpf_loop(MAX_DEPTH, send_unfinished, &w, 0);
	abandon_apart(thread, !before, w.now_ns);
	bpf_loop(MAX_DEPTH, count_abandoned, &w, 0);
	for (int i = 0; i < MAX_LEVELS; i++)
		if (thread->running[i].active)
			count(thread->running[i].op, COUNT_ABANDONED);
	if (before) {
		thread->teller = TELLER_GONE;
		return 0;
	}
	for (int i = 0; i < MAX_LEVELS; i++)
		thread->running[i].active = 0;
	thread->apart.start_ns = 0;
	thread->depth = 0;
	thread->over = 0;
	thread->level = 0;
	thread->owner = 0;
	thread->entries = 0;
	thread->open_seq = 0;
	thread->command = 0;
	thread->refused = 0;
	thread->refused_inner = 0;
	thread->clock.told = 0;
	thread->teller = TELLER_NOBODY;
	return 0;
}

/* Open operations by operation, filled when user space reads the iterator. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_OPS);
	__type(key, __u32);
	__type(value, __u64);
} open_operations SEC(".maps");

static __always_inline void count_one(__u32 op)
{
	__u64 *n = bpf_map_lookup_elem(&open_operations, &op);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline void count_of_thread(const struct thread *thread)
{
	if (thread->teller == TELLER_GONE)
		return;
	for (int i = 0; i < MAX_LEVELS; i++)
		if (thread->running[i].active)
			count_one(thread->running[i].op);
	if (thread->apart.start_ns)
		count_one(thread->apart.op);
	for (int i = 0; i < MAX_DEPTH; i++) {
		if (i >= thread->depth)
			break;
		if (!thread->frames[i].tentative)
			count_one(thread->frames[i].op);
	}
}

/*
 * The buffer of another thread, which goes on meanwhile, copied. What was copied
 * counts if the frame is still the same one afterwards.
 */
static __always_inline void copy_record(struct event *to, const struct open_walk *w,
					const struct frame *frame)
{
	struct event *from = event_of_walk(w, frame);

	if (from && from->used <= w->room && !bpf_probe_read_kernel(to, sizeof(*to) + DATA_SIZE, checked(from)) &&
	    to->seq == frame->seq)
		return;
	begin_event(to, frame);
	to->flags = EVENT_NO_TEXT;
}

static __always_inline bool is_still(const struct thread *thread, const struct frame *frame, __u32 n,
				     const struct event *event)
{
	return thread->depth > n && frame->seq == event->seq && frame->start_ns == event->start_ns &&
	       has_record(frame);
}

/* What a thread does now, as enum time_class plus 1, or 0 if nobody keeps its clock. */
static __always_inline __u8 now_of(const struct clock *clock)
{
	if (!attribution)
		return 0;
	return (clock->away ? clock->class : TIME_CPU) + 1;
}

/* Writes what is known of an open operation of any thread. */
static long write_unfinished(__u32 i, struct open_walk *w)
{
	struct thread *thread = w->thread;
	__u32 n, zero = 0;
	__u64 used;
	struct event *event;
	struct frame *frame;

	frame = frame_of_walk(w, i, &n);
	if (!frame)
		return 0;
	event = bpf_map_lookup_elem(&unfinished, &zero);
	if (!event)
		return 1;
	copy_record(event, w, frame);
	tell_unfinished(thread, w->task, frame, n, event, w->now_ns, 0);
	if (!is_still(thread, frame, n, event))
		return 0;
	event->tid = w->task->pid;
	event->now = now_of(&thread->clock);
	used = event->used;
	w->room = used < w->room ? w->room - used : 0;
	opaque(used);
	if (used > DATA_SIZE)
		return 0;
	bpf_seq_write(w->seq, event, sizeof(*event) + used);
	return 0;
}

/* Writes what is known of the operation apart that a thread has open. */
static __always_inline void write_apart(struct open_walk *w)
{
	struct thread *thread = w->thread;
	struct event *event;
	__u32 zero = 0;

	event = bpf_map_lookup_elem(&unfinished, &zero);
	if (!event || !apart_is_told(thread))
		return;
	tell_apart(thread, event, w->now_ns, 0);
	if (!thread->apart.start_ns || thread->apart.seq != event->seq || thread->apart.start_ns != event->start_ns)
		return;
	event->tid = w->task->pid;
	event->now = thread->depth ? now_of(&thread->clock) : 0;
	bpf_seq_write(w->seq, event, sizeof(*event));
}

SEC("iter/task") int count_open(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread *thread;

	if (!task)
		return 0;
	thread = bpf_task_storage_get(&threads, task, 0, 0);
	if (thread)
		count_of_thread(thread);
	return 0;
}

/*
 * Writes a record, as in the ring buffer, of every open operation that has its own. What
 * found no room is read again (bpf_seq_read), and its reader tells it still.
 */
SEC("iter/task") int read_open(struct bpf_iter__task *ctx)
{
	struct open_walk w = {.seq = ctx->meta->seq, .task = ctx->task, .room = DATA_ROOM};

	if (!w.task)
		return 0;
	w.thread = bpf_task_storage_get(&threads, w.task, 0, 0);
	if (!w.thread || (!w.thread->depth && !w.thread->apart.start_ns))
		return 0;
	w.depth = w.thread->depth;
	w.now_ns = bpf_ktime_get_ns();
	if (taking && claim(&w.thread->teller, TELLER_READER) == TELLER_THREAD)
		return 0;
	bpf_loop(MAX_DEPTH, write_unfinished, &w, 0);
	write_apart(&w);
	return 0;
}

#endif
