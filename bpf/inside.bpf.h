/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Operations at probes of the kernel inside one that is open in a program, such as
 * the disk's work in a statement: they ride in its record.
 */
#ifndef SPANBRIDGE_INSIDE_BPF_H
#define SPANBRIDGE_INSIDE_BPF_H

/*
 * The current thread, if the operation belongs into a record there. What is hit while
 * a program of ours works on that thread comes of its own work or of an interrupt,
 * and would meet the record half changed.
 */
static __always_inline struct thread *find_around(const struct hit *hit)
{
	struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	__u64 key;

	if (!thread || !thread->level || thread->busy) {
		if (wanted_here(hit->spec))
			count(hit->spec->op, COUNT_OUTSIDE);
		return 0;
	}
	key = (__u64)hit->spec->op << 32 | thread->tgid;
	return bpf_map_lookup_elem(&targets, &key) ? thread : 0;
}

static __always_inline void finish_inside(struct hit *hit, struct thread *thread)
{
	struct event *event = hit->event;
	struct histogram_key key = {};
	struct entry finished = {
		.op = hit->spec->op,
		.flags = event->flags & EVENT_FAILED,
		.depth = thread->depth - thread->owner + 1,
		.start_ns = event->start_ns,
		.duration_ns = hit->at.now_ns - event->start_ns,
		.value = event->values[0],
	};

	key.op = finished.op;
	key.failed = finished.flags != 0;
	key.tgid = thread->tgid;
	__builtin_memcpy(key.namespace, key_at(thread, thread->level - 1)->namespace,
			 NAMESPACE_SIZE);
	observe(&key, finished.duration_ns, 0);
	if (finished.duration_ns < hit->config->min_ns) {
		count(finished.op, COUNT_FILTERED);
		return;
	}
	if (thread->entries >= MAX_ENTRIES) {
		/* The sums of what has no room are in the record's buffer. */
		count(finished.op, COUNT_KERNEL_ERRORS);
		return;
	}
	count(finished.op, COUNT_INLINED);
	add_entry(thread, 0, &finished, hit->config->class);
}

static __always_inline int end_inside(struct hit *hit)
{
	struct thread *thread = find_around(hit);
	bool open = find_pending(hit);
	__u32 op = hit->spec->op;

	if (!open) {
		if (thread)
			end_stray(hit);
		return 0;
	}
	count(op, COUNT_DONES);
	if (!thread || hit->event->parent_seq != thread->open_seq) {
		/* What was around it has ended. */
		count(op, COUNT_NO_START);
		count(op, COUNT_REPLACED);
	} else {
		count(op, COUNT_PAIRED);
		set_busy(thread, 1);
		capture_all(hit);
		finish_inside(hit, thread);
		set_busy(thread, 0);
	}
	close_pending(hit);
	return 0;
}

#endif
