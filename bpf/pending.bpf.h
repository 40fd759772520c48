/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Operations at probes of the kernel that are open. What begins and ends on one
 * thread lies in the thread's task storage, which costs a third of a hash and is
 * freed with the thread; what ends anywhere lies in a hash, by its key. Both hold
 * the record as it is sent.
 *
 * An operation is open while its start_ns is not 0.
 */
#ifndef SPANBRIDGE_PENDING_BPF_H
#define SPANBRIDGE_PENDING_BPF_H

#define THREAD_NAME 16 /* TASK_COMM_LEN */

/* How many operations a thread keeps; user space sets the value sizes of the maps too. */
const volatile __u32 slots = 1;

/* The record with its strings, once for each of the slots. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct event);
} pending_of_thread SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct pending_key);
	__type(value, struct event);
} pending SEC(".maps");

/* Never written: what is entered into pending. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} no_event SEC(".maps");

/* Keyed operations that are open, by operation, filled when the iterator is read. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_OPS);
	__type(key, __u32);
	__type(value, __u64);
} open_pending_operations SEC(".maps");

static __always_inline struct event *in_slot(struct event *first, __u32 slot)
{
	__u64 size = sizeof(struct event) + data_size, at = slot * size;

	opaque(at);
	if (at > (slots - 1) * size)
		return 0;
	return (void *)checked(first) + at;
}

static __always_inline struct event *of_thread(const struct op_config *config, __u64 flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct event *first = bpf_task_storage_get(&pending_of_thread, task, 0, flags);

	return first ? in_slot(first, config->slot) : 0;
}

static __always_inline bool read_key(struct hit *hit)
{
	hit->key.op = hit->spec->op;
	for (int i = 0; i < MAX_KEYS; i++)
		if (hit->spec->key[i].kind != ARG_NONE &&
		    read_word(&hit->spec->key[i], &hit->at, 0, &hit->key.values[i]))
			return false;
	return true;
}

/* Whether it belongs into a record of the thread, and ends elsewhere (bpf/asked.bpf.h). */
static __always_inline bool is_asked(const struct op_config *config)
{
	return config->is_inline && config->keyed;
}

/* Finds the open operation that a hit belongs to. */
static __always_inline bool find_pending(struct hit *hit)
{
	if (hit->config->keyed)
		hit->event = read_key(hit) ? bpf_map_lookup_elem(&pending, &hit->key) : 0;
	else
		hit->event = of_thread(hit->config, 0);
	return hit->event && hit->event->start_ns;
}

/* Makes room for one more operation. */
static __always_inline struct event *new_pending(struct hit *hit)
{
	__u32 zero = 0;
	struct event *empty;

	if (!hit->config->keyed)
		return of_thread(hit->config, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (hit->event)
		return hit->event;
	empty = bpf_map_lookup_elem(&no_event, &zero);
	if (!empty || bpf_map_update_elem(&pending, &hit->key, empty, BPF_NOEXIST))
		return 0;
	return bpf_map_lookup_elem(&pending, &hit->key);
}

/* Finds out whose the operation is; false if that cannot be read. */
static __always_inline bool find_owner(struct hit *hit)
{
	struct owner *owner = &hit->owner;
	const struct task_struct *task;
	__u64 id = bpf_get_current_pid_tgid();

	owner->tgid = id >> 32;
	owner->tid = id;
	if (!(hit->spec->flags & SPEC_OWNER))
		return true;
	if (read_word(&hit->spec->owner, &hit->at, 0, &owner->task))
		return false;
	task = (const void *)owner->task;
	owner->tgid = task ? BPF_CORE_READ(task, tgid) : 0;
	owner->tid = task ? BPF_CORE_READ(task, pid) : 0;
	return true;
}

/* Enters whose the operation is. The name of the thread is its first string. */
static __always_inline void enter_owner(struct hit *hit)
{
	__u32 slot = hit->config->thread_name - 1;
	const struct task_struct *task = (const void *)hit->owner.task;
	struct event *event = hit->event;
	char *name = data_of(checked(event));

	event->tgid = hit->owner.tgid;
	event->tid = hit->owner.tid;
	if (slot >= MAX_STRINGS)
		return;
	if (!(hit->spec->flags & SPEC_OWNER))
		bpf_get_current_comm(name, THREAD_NAME);
	else if (!task || bpf_probe_read_kernel(name, THREAD_NAME, &task->comm))
		__builtin_memset(name, 0, THREAD_NAME);
}

/* Opens the operation of the hit; one of the same key that is open still is replaced. */
static __always_inline bool open_pending(struct hit *hit)
{
	__u32 op = hit->spec->op, slot = hit->config->thread_name - 1;
	struct event *event;

	/* Of what is asked for inside of a statement its place tells that. */
	if (find_pending(hit) && !is_asked(hit->config))
		count(op, COUNT_REPLACED);
	event = new_pending(hit);
	if (!event) {
		count(op, hit->config->keyed ? COUNT_OVERFLOW : COUNT_NO_STORAGE);
		return false;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->op = op;
	event->seq = bpf_get_prandom_u32();
	event->command = event->before = -1;
	hit->event = event;
	if (slot < MAX_STRINGS) {
		event->strings[slot].length = THREAD_NAME;
		event->used = THREAD_NAME;
	}
	enter_owner(hit);
	return true;
}

static __always_inline void close_pending(struct hit *hit)
{
	hit->event->start_ns = 0;
	if (hit->config->keyed)
		bpf_map_delete_elem(&pending, &hit->key);
}

/* In a field for which these records have no other use. */
static __always_inline __u32 *teller_of(struct event *event)
{
	return &event->apart_seq;
}

/* A walk over the operations that a thread keeps. */
struct slot_walk {
	struct event *first;
	struct seq_file *seq; /* of a reader */
	__u64 now_ns;
	__u32 written; /* bytes */
	bool take; /* and what is read is told by nobody else */
};

/*
 * The operation in a slot of a walk, or NULL. That the place is aligned, which an atomic
 * operation wants, Linux 6.1 believes where it is masked.
 */
static __always_inline struct event *slot_of_walk(const struct slot_walk *w, __u32 i)
{
	__u64 size = sizeof(struct event) + data_size, at = i * size;

	opaque(at);
	at &= -8ULL;
	if (at > (slots - 1) * size)
		return 0;
	return (void *)checked(w->first) + at;
}

/* Sends what is known of an operation whose thread ends. */
static __always_inline void tell_abandoned(struct event *event, __u64 now_ns)
{
	__u64 size = event->used;

	event->flags |= EVENT_UNFINISHED | EVENT_FAILED;
	event->end_ns = now_ns;
	opaque(size);
	if (size <= data_size && !send(event, sizeof(*event) + size))
		count(event->op, COUNT_UNFINISHED);
}

/* A callback: as the body of a loop it would be verified once for each slot. */
static long abandon_slot(__u32 i, struct slot_walk *w)
{
	struct event *event = slot_of_walk(w, i);
	const struct op_config *config;
	__u32 op;

	if (!event || !event->start_ns)
		return 0;
	op = event->op;
	config = bpf_map_lookup_elem(&ops, &op);
	if (!config || config->to_exit)
		return 0;
	count(op, COUNT_ABANDONED);
	if (claim(teller_of(event), TELLER_THREAD) != TELLER_NOBODY) {
		*(volatile __u32 *)teller_of(event) = TELLER_GONE;
		return 0;
	}
	/* What is inside of a statement is told with that. */
	if (!config->is_inline)
		tell_abandoned(event, w->now_ns);
	event->start_ns = 0;
	return 0;
}

static __always_inline void abandon_pending(struct task_struct *task)
{
	struct slot_walk w = {.first = bpf_task_storage_get(&pending_of_thread, task, 0, 0)};

	if (!w.first)
		return;
	w.now_ns = bpf_ktime_get_ns();
	bpf_loop(slots, abandon_slot, &w, 0);
}

/* A callback. */
static long count_slot(__u32 i, struct slot_walk *w)
{
	struct event *event = slot_of_walk(w, i);
	__u32 op;
	__u64 *n;

	if (!event || !event->start_ns || *teller_of(event) == TELLER_GONE)
		return 0;
	op = event->op;
	n = bpf_map_lookup_elem(&open_pending_operations, &op);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

static __always_inline void count_open_pending(struct task_struct *task)
{
	struct slot_walk w = {.first = bpf_task_storage_get(&pending_of_thread, task, 0, 0)};

	if (w.first)
		bpf_loop(slots, count_slot, &w, 0);
}

/* The kernel has room for eight pages of one thread (bpf_seq_read, kernel/bpf/bpf_iter.c). */
#define SEQ_ROOM (32 << 10)

/*
 * A callback. Writes the record with all of the room for strings: of one size, as it may
 * change meanwhile. What found no room is read again (bpf_seq_read), and its reader tells
 * it still.
 */
static long read_slot(__u32 i, struct slot_walk *w)
{
	struct event *event = slot_of_walk(w, i);

	if (!event || !event->start_ns)
		return 0;
	w->written += sizeof(*event) + data_size;
	if (w->written > SEQ_ROOM)
		return 1;
	if (w->take && claim(teller_of(event), TELLER_READER) == TELLER_THREAD)
		return 0;
	bpf_seq_write(w->seq, event, sizeof(*event) + data_size);
	return 0;
}

static __always_inline int read_slots(struct bpf_iter__task *ctx, bool take)
{
	struct slot_walk w = {.seq = ctx->meta->seq, .take = take};

	if (!ctx->task)
		return 0;
	w.first = bpf_task_storage_get(&pending_of_thread, ctx->task, 0, 0);
	if (w.first)
		bpf_loop(slots, read_slot, &w, 0);
	return 0;
}

#endif
