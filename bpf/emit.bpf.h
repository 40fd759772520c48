/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sending the record of a finished operation. */
#ifndef SPANBRIDGE_EMIT_BPF_H
#define SPANBRIDGE_EMIT_BPF_H

/*
 * Whether the inner operation is a further part of the one that ended last, since
 * first, which then lasts until its end. A server that waits with a timeout, to look
 * around in between, waits on.
 */
__noinline int join_entry(struct thread *thread, const struct entry *part, __u32 first)
{
	struct entry *last;
	__u32 n;

	if (!thread || !part)
		return 0;
	n = thread->entries;
	if (n <= first || n > MAX_ENTRIES)
		return 0;
	n--;
	opaque(n);
	last = &thread->entry[n & (MAX_ENTRIES - 1)];
	if (n && thread->entry[(n - 1) & (MAX_ENTRIES - 1)].wide)
		return 0; /* no entry: integers of the one before */
	if (last->op != part->op || last->value != part->value || last->depth != part->depth ||
	    last->flags != part->flags)
		return 0;
	if (part->start_ns - last->start_ns - last->duration_ns > JOIN_NS)
		return 0;
	last->duration_ns = part->start_ns + part->duration_ns - last->start_ns;
	return 1;
}

/* Copies the entries made since the frame was pushed behind the event's other data. */
static __always_inline void append_entries(const struct thread *thread, const struct frame *frame,
					   struct event *event)
{
	__u32 first = frame->entries, n = thread->entries, offset = event->used;

	event->entries = 0;
	if (first >= n || n > MAX_ENTRIES || first >= MAX_ENTRIES)
		return;
	n -= first;
	if (n > MAX_ENTRIES || offset > STRINGS_SIZE + text_head + TAIL_SIZE)
		return;
	if (bpf_probe_read_kernel(data_of(event) + offset, n * sizeof(struct entry),
				  &thread->entry[first]))
		return;
	event->entries = n;
	event->used = offset + n * sizeof(struct entry);
}

/* And behind those the waits of the same time, as far as there is room. */
static __always_inline void append_waits(const struct clock *clock, const struct frame *frame,
					 struct event *event)
{
	__u32 level = frame->level, first, total, n, offset = event->used;

	event->waits = 0;
	event->unlisted = 0;
	if (!(event->flags & EVENT_TIMED))
		return;
	opaque(level);
	first = clock->begin[level & (MAX_LEVELS - 1)].waits;
	total = clock->end.waits - first;
	n = total;
	if (n > MAX_WAITS - first)
		n = MAX_WAITS - first;
	if (first >= MAX_WAITS)
		n = 0;
	if (n > MAX_ENTRIES - event->entries)
		n = MAX_ENTRIES - event->entries;
	event->unlisted = total - n;
	opaque(n);
	opaque(first);
	if (!n || n > MAX_WAITS || first >= MAX_WAITS || offset > DATA_SIZE - MAX_WAITS * sizeof(struct entry))
		return;
	if (bpf_probe_read_kernel(data_of(event) + offset, n * sizeof(struct entry),
				  &clock->wait[first & (MAX_WAITS - 1)]))
		return;
	event->waits = n;
	event->used = offset + n * sizeof(struct entry);
}

/*
 * Copies the details of entries, with older ones, which are told by their starts, if
 * texts and entries have left room: they have but with the longest of texts and many
 * entries.
 */
static __always_inline void append_details(struct event *event, const struct details *d)
{
	__u32 offset = event->used;

	event->details = 0;
	if (!d || !event->entries || offset > DATA_SIZE - sizeof(d->kept) ||
	    bpf_probe_read_kernel(data_of(event) + offset, sizeof(d->kept), d->kept))
		return;
	event->details = MAX_DETAILS;
	event->used = offset + sizeof(d->kept);
}

static __always_inline const struct details *details_of(const struct thread *thread)
{
	if (!thread->detailed)
		return 0;
	return bpf_task_storage_get(&details, bpf_get_current_task_btf(), 0, 0);
}

__noinline int fill(struct event *event, const struct frame *frame, __u64 end_ns, __u16 flags)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (!event || !frame)
		return 0;
	event->start_ns = frame->start_ns;
	event->end_ns = end_ns;
	event->tid = id;
	event->parent_seq = frame->parent_seq;
	event->op = frame->op;
	event->command = frame->command - 1;
	event->before = frame->before - 1;
	event->flags |= flags;
	if (frame->failed)
		event->flags |= EVENT_FAILED;
	__builtin_memcpy(event->values, frame->values, sizeof(event->values));
	return 0;
}

__noinline int begin_event(struct event *event, const struct frame *frame)
{
	if (!event || !frame)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	event->seq = frame->seq;
	return 0;
}

/* Begins a record anew, with the strings that the start captured. */
__noinline int restart_event(struct event *event, const struct frame *frame)
{
	if (!event || !frame)
		return 0;
	__builtin_memcpy(event->strings, frame->start_strings, sizeof(event->strings));
	event->seq = frame->seq;
	event->flags = 0;
	event->text_length = 0;
	event->head = 0;
	event->tail = 0;
	event->used = frame->start_used;
	return 0;
}

/* Makes the record of an operation that has no buffer. */
static __always_inline void bare_event(struct thread *thread, const struct frame *frame, __u64 end_ns,
				       __u16 flags)
{
	begin_event(&thread->bare, frame);
	thread->bare.tgid = thread->tgid;
	fill(&thread->bare, frame, end_ns, flags);
}

/* Whether a span tells of it, or only the metrics. */
static __always_inline bool is_told(const struct op_config *config, const struct frame *frame)
{
	return !config->only || frame->values[(config->only - 1) & (MAX_VALUES - 1)];
}

/* Whether there is a record to tell of an operation apart that is open. */
static __always_inline bool apart_is_told(const struct thread *thread)
{
	__u32 op = thread->apart.op;
	const struct op_config *config = bpf_map_lookup_elem(&ops, &op);

	return thread->apart.start_ns && config && is_told(config, &thread->apart);
}

/* The operation apart in which another one ends. */
static __always_inline __u32 apart_of(const struct thread *thread)
{
	return apart_is_told(thread) ? thread->apart.seq : 0;
}

static __always_inline void emit(struct hit *hit, __u64 end_ns, __u16 flags)
{
	struct thread *thread = hit->thread;
	struct event *event = hit->event;

	if (!event) {
		bare_event(thread, hit->frame, end_ns, flags | EVENT_NO_TEXT);
		thread->bare.times = thread->clock.spent;
		thread->bare.apart_seq = apart_of(thread);
		submit(&thread->bare, 0);
		return;
	}
	capture(hit, hit->spec->early, hit->spec->captures, WITH_TEXT);
	event = checked(event);
	fill(event, hit->frame, end_ns, flags);
	event->tgid = thread->tgid;
	event->times = thread->clock.spent;
	event->apart_seq = apart_of(thread);
	append_entries(thread, hit->frame, event);
	append_waits(&thread->clock, hit->frame, event);
	append_details(event, details_of(thread));
	if (event->used > DATA_SIZE) {
		count(event->op, COUNT_KERNEL_ERRORS);
		return;
	}
	submit(event, event->used);
}

#endif
