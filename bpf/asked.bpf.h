/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a thread asks for inside of a statement and gets elsewhere: requests to a
 * disk end in an interrupt, or in a thread of the kernel. Whoever gets the answer
 * cannot write into the record of another thread, which goes on meanwhile. So the
 * answer lies in a place that the thread has taken, until the thread comes by: at
 * the end of its statement, or when it finds its places taken.
 */
#ifndef SPANBRIDGE_ASKED_BPF_H
#define SPANBRIDGE_ASKED_BPF_H

#define MAX_ASKED 16 /* of a thread, at a time; a power of two */

/*
 * The states of a place. Only the thread frees it, and takes it with a ticket that
 * has its number in the lowest bits and chance above: an answer that comes too late
 * does not find its ticket any more.
 */
enum {
	ASKED_FREE,
	ASKED_ANSWERING,
	ASKED_ANSWERED,
	ASKED_FIRST_TICKET = MAX_ASKED,
};

struct asked {
	__u32 state; /* one of those, or the ticket */
	__u32 seq;   /* of the record around it; 0: nobody wants the answer any more */
	struct wide_entry told;
};

struct asked_of_thread {
	struct asked place[MAX_ASKED];
};

/* By the number of the thread, which takes its own away when it ends. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct asked_of_thread);
} asked SEC(".maps");

/* Counts an inner operation that has ended, and enters it into the record around it. */
static __always_inline void tell_inside(struct thread *thread, struct event *event,
					const struct wide_entry *told,
					const struct op_config *config)
{
	const struct entry *finished = &told->entry;
	struct histogram_key key = {
		.op = finished->op, .failed = finished->flags != 0, .tgid = thread->tgid,
	};

	__builtin_memcpy(key.namespace, key_at(thread, thread->level - 1)->namespace,
			 NAMESPACE_SIZE);
	observe(&key, finished->duration_ns, 0);
	if (finished->duration_ns < config->min_ns) {
		count(finished->op, COUNT_FILTERED);
		return;
	}
	count(finished->op, COUNT_INLINED);
	add_wide_entry(thread, event, told, config->class);
}

static __always_inline struct asked *place_of(struct asked_of_thread *all, __u32 n)
{
	opaque(n);
	return &all->place[n & (MAX_ASKED - 1)];
}

/* A walk over the places of a thread. */
struct answers {
	struct thread *thread;
	struct event *event;
	struct asked_of_thread *all;
	__u32 unanswered; /* counts as this: as abandoned if the thread ends; 0: wait for it */
};

static __always_inline void take_answer(struct answers *w, struct asked *a)
{
	const struct op_config *config;
	__u32 op = a->told.entry.op;

	config = bpf_map_lookup_elem(&ops, &op);
	if (!config)
		return;
	count(op, COUNT_DONES);
	count(op, COUNT_PAIRED);
	tell_inside(w->thread, w->event, &a->told, config);
}

/* Gives up a place that waits for an answer still. */
static __always_inline void give_up(struct answers *w, struct asked *a, __u32 ticket)
{
	count(a->told.entry.op, w->unanswered ?: COUNT_REPLACED);
	if (__sync_val_compare_and_swap(&a->state, ticket, ASKED_FREE) == ticket)
		w->thread->asking--;
	else
		a->seq = 0; /* the answer comes at this moment */
}

/* A callback: as the body of a loop it would be verified once for each place. */
static long look_at_place(__u32 i, struct answers *w)
{
	struct asked *a = place_of(w->all, i);
	struct thread *thread = w->thread;
	__u32 state = *(volatile __u32 *)&a->state;
	bool ends = w->unanswered == COUNT_ABANDONED;
	bool here = a->seq && a->seq == thread->open_seq && !ends;

	if (state == ASKED_FREE || (!here && a->seq && thread->level > 1 && !ends))
		return 0; /* or of a record farther out */
	if (state == ASKED_ANSWERED) {
		if (here)
			take_answer(w, a);
		else if (a->seq)
			count(a->told.entry.op, w->unanswered ?: COUNT_REPLACED);
		a->state = ASKED_FREE;
		thread->asking--;
	} else if (a->seq && (!here || w->unanswered)) {
		give_up(w, a, state);
	}
	return 0;
}

/* Takes what has been answered of the innermost record. */
__noinline int take_answers(struct thread *thread, struct event *event, __u32 unanswered)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct answers w = {.thread = thread, .event = event, .unanswered = unanswered};

	if (!thread)
		return 0;
	w.all = bpf_map_lookup_elem(&asked, &tid);
	if (w.all)
		bpf_loop(MAX_ASKED, look_at_place, &w, 0);
	return 0;
}

#endif
