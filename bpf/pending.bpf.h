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

#define MAX_SLOTS   64
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

static __always_inline bool ends_at_exit(__u32 op)
{
	const struct op_config *config = bpf_map_lookup_elem(&ops, &op);

	return config && config->to_exit;
}

static __always_inline void abandon_pending(struct task_struct *task)
{
	struct event *first = bpf_task_storage_get(&pending_of_thread, task, 0, 0), *event;

	if (!first)
		return;
	for (__u32 i = 0; i < MAX_SLOTS; i++) {
		if (i >= slots)
			break;
		event = in_slot(first, i);
		if (!event || !event->start_ns || ends_at_exit(event->op))
			continue;
		event->start_ns = 0;
		count(event->op, COUNT_ABANDONED);
	}
}

static __always_inline void count_open_pending(struct task_struct *task)
{
	struct event *first = bpf_task_storage_get(&pending_of_thread, task, 0, 0), *event;
	__u32 op;
	__u64 *n;

	if (!first)
		return;
	for (__u32 i = 0; i < MAX_SLOTS; i++) {
		if (i >= slots)
			break;
		event = in_slot(first, i);
		if (!event || !event->start_ns)
			continue;
		op = event->op;
		n = bpf_map_lookup_elem(&open_pending_operations, &op);
		if (n)
			__sync_fetch_and_add(n, 1);
	}
}

#endif
