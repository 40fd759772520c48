/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Operations at probes of the kernel inside one that is open in a program, such as
 * the disk's work in a statement: they ride in its record. Those of a key begin on
 * the thread and end anywhere (bpf/asked.bpf.h).
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

/* The record around what happens in the thread, for the sums of what has no room. */
static __always_inline struct event *record_around(const struct thread *thread)
{
	return event_of(thread->open_seq,
			record_buffer(bpf_get_current_task_btf(), thread->level - 1, 0));
}

static __always_inline void fill_entry(struct wide_entry *w, const struct event *event, __u64 now_ns)
{
	struct entry *e = &w->entry;

	e->flags = event->flags & EVENT_FAILED;
	e->duration_ns = now_ns - event->start_ns;
	e->value = event->values[0];
	e->wide = 0;
	for (int i = 0; i < MORE_VALUES; i++)
		if ((w->more.values[i] = event->values[i + 1]))
			e->wide = 1;
}

static __always_inline void finish_inside(struct hit *hit, struct thread *thread)
{
	struct wide_entry finished = {.entry = {
		.op = hit->spec->op,
		.depth = thread->depth - thread->owner + 1,
		.start_ns = hit->event->start_ns,
	}};

	fill_entry(&finished, hit->event, hit->at.now_ns);
	tell_inside(thread, record_around(thread), &finished, hit->config);
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

/* Never written: what a thread begins with. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct asked_of_thread);
} none_asked SEC(".maps");

static __always_inline struct asked_of_thread *places_of(__u32 tid)
{
	struct asked_of_thread *all = bpf_map_lookup_elem(&asked, &tid);
	__u32 zero = 0;

	if (all)
		return all;
	all = bpf_map_lookup_elem(&none_asked, &zero);
	if (!all || bpf_map_update_elem(&asked, &tid, all, BPF_NOEXIST))
		return 0;
	return bpf_map_lookup_elem(&asked, &tid);
}

struct search {
	struct asked_of_thread *all;
	__u32 n;
};

/* A callback. */
static long is_free(__u32 i, struct search *s)
{
	if (place_of(s->all, i)->state != ASKED_FREE)
		return 0;
	s->n = i;
	return 1;
}

/* Begins what ends elsewhere; false if the thread has no place for its answer. */
static __always_inline bool ask(struct hit *hit, struct thread *thread)
{
	struct search search = {.all = places_of(hit->event->tid), .n = MAX_ASKED};
	struct asked *a;

	if (!search.all)
		return false;
	if (thread->asking >= MAX_ASKED)
		take_answers(thread, record_around(thread), 0);
	bpf_loop(MAX_ASKED, is_free, &search, 0);
	if (search.n >= MAX_ASKED)
		return false;
	a = place_of(search.all, search.n);
	a->seq = thread->open_seq;
	a->told.entry.op = hit->spec->op;
	a->told.entry.depth = thread->depth - thread->owner + 1;
	hit->event->seq = search.n | MAX_ASKED | bpf_get_prandom_u32() << 5;
	hit->event->start_ns = bpf_ktime_get_ns();
	a->told.entry.start_ns = hit->event->start_ns;
	thread->asking++;
	__sync_lock_test_and_set(&a->state, hit->event->seq);
	return true;
}

static __always_inline void begin_asked(struct hit *hit, struct thread *thread)
{
	set_busy(thread, 1);
	if (!ask(hit, thread)) {
		count(hit->spec->op, COUNT_OVERFLOW);
		close_pending(hit);
	}
	set_busy(thread, 0);
}

/* Leaves the answer where the thread looks for it, if it waits for it still. */
static __always_inline void answer(const struct event *event, __u64 now_ns)
{
	__u32 tid = event->tid, ticket = event->seq;
	struct asked_of_thread *all = bpf_map_lookup_elem(&asked, &tid);
	struct asked *a;

	if (!all)
		return;
	a = place_of(all, ticket);
	if (__sync_val_compare_and_swap(&a->state, ticket, ASKED_ANSWERING) != ticket)
		return;
	fill_entry(&a->told, event, now_ns);
	__sync_lock_test_and_set(&a->state, ASKED_ANSWERED);
}

/* A thread ends: nobody waits for answers any more. */
static __always_inline void forget_asked(struct task_struct *task)
{
	struct thread *thread = bpf_task_storage_get(&threads, task, 0, 0);
	__u32 tid = bpf_get_current_pid_tgid();

	if (!thread || !thread->asking)
		return;
	take_answers(thread, 0, COUNT_ABANDONED);
	thread->asking = 0;
	bpf_map_delete_elem(&asked, &tid);
}

/* The end of what a thread asked for, wherever it is hit. */
static __always_inline int end_asked(struct hit *hit)
{
	if (!find_pending(hit))
		return 0; /* nobody that is observed asked for it */
	capture_all(hit);
	answer(hit->event, hit->at.now_ns);
	close_pending(hit);
	return 0;
}

#endif
