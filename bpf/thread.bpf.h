/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The state of a thread: its stack of open operations, and one record buffer
 * for each nesting level of operations that send a record. Task storage is
 * freed with the thread and written by that thread alone. A child process does
 * not inherit it; a program that the thread executes does.
 */
#ifndef SPANBRIDGE_THREAD_BPF_H
#define SPANBRIDGE_THREAD_BPF_H

/* What runs now of a sequence: the next start ends it. */
struct running {
	__u64 start_ns, value;
	__u16 op, active, class, pad;
};

/* What the outermost operations of a thread were meanwhile. */
struct within {
	__u64 ns;
	__u32 count, pad;
};

struct thread {
	__u32 depth;
	__u32 tgid; /* of the server that the thread works for, or 0 */
	__u32 next_seq;
	__u32 open_seq; /* of the innermost open operation that sends a record, or 0 */
	__u32 over;	/* starts that found the stack full and still wait for their end */
	__u64 over_ops; /* of which operations, modulo 64 */
	__u32 teller;	/* enum teller: of all that is open */
	__u8 level;	/* open operations that send a record */
	__u8 owner;	/* frames up to and with the innermost of those */
	__u8 entries;
	__u8 command;  /* guard value of the last start, plus 1 */
	__u8 detailed; /* there are details of entries */
	__u8 busy;     /* a program is at work here: what interrupts it keeps off */
	__u8 asking;   /* requests of bpf/asked.bpf.h that are not done with */
	__u16 refused;	     /* the operation that it did not open, plus 1 */
	__u16 refused_inner; /* the same of an inner operation */
	struct running running[MAX_LEVELS];
	/* For each level, with its namespace; those beyond share the last one. */
	struct histogram_key key[MAX_LEVELS];
	struct frame frames[MAX_DEPTH];
	struct frame apart; /* open while its start_ns is not 0: see bpf/apart.bpf.h */
	struct within within;
	struct entry entry[MAX_ENTRIES];
	struct event bare; /* the record of an operation without a buffer */
	/*
	 * Scratch of one hit. It is here because the stack is too small, and
	 * because the verifier does not follow values in memory: fewer states.
	 */
	__u64 guard, real_start_ns, now_ns;
	struct frame scratch;
	struct regs regs;
	struct clock clock;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/*
 * User space replaces the value size by that of struct event and data of the
 * configured size before it loads the maps.
 */
struct buffer_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct event);
};

struct buffer_map buffers0 SEC(".maps"), buffers1 SEC(".maps");
struct buffer_map buffers2 SEC(".maps"), buffers3 SEC(".maps");

/*
 * By level. Whatever comes out of an array of maps is of one type to the verifier,
 * which would else look at all that is done to a buffer once for each of the four.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_LEVELS);
	__type(key, __u32);
	__array(values, struct buffer_map);
} buffers SEC(".maps") = {.values = {&buffers0, &buffers1, &buffers2, &buffers3}};

static __always_inline struct event *record_buffer(struct task_struct *task, __u32 level,
						   __u64 flags)
{
	void *map = bpf_map_lookup_elem(&buffers, &level);

	return map ? bpf_task_storage_get(map, task, 0, flags) : 0;
}

/*
 * The event of the record with that number, or NULL: the buffer could not be had when
 * the operation began, and holds another one's record.
 */
static __always_inline struct event *event_of(__u32 seq, struct event *event)
{
	if (!event || checked(event)->seq != seq)
		return 0;
	return event;
}

#define SHIELDED -2

/*
 * The number of the innermost open frame of that operation; -1 if there is
 * none, SHIELDED if one above it keeps it from ending.
 */
__noinline int find_frame(const struct thread *thread, __u16 op)
{
	if (!thread)
		return -1;
	for (int i = 0; i < MAX_DEPTH; i++) {
		__u32 n = thread->depth - 1 - i;

		opaque(n);
		if (n >= MAX_DEPTH)
			break;
		if (thread->frames[n].op == op)
			return n;
		if (thread->frames[n].shields)
			return SHIELDED;
	}
	return -1;
}

/*
 * The number of the outermost open frame of the same operation by another tier,
 * or -1. The process has changed tiers meanwhile, so its end will not be seen.
 */
__noinline int find_stale(const struct thread *thread, __u16 op, __u8 family)
{
	if (!thread)
		return -1;
	for (int i = 0; i < MAX_DEPTH; i++) {
		if (i >= thread->depth)
			break;
		if (thread->frames[i].family == family && thread->frames[i].op != op)
			return i;
	}
	return -1;
}

static __always_inline struct frame *frame_at(struct thread *thread, __u32 n)
{
	opaque(n);
	return &thread->frames[n & (MAX_DEPTH - 1)];
}

/* Whether a record of its own tells of a frame. */
static __always_inline bool has_record(const struct frame *frame)
{
	return !frame->is_inline && (!frame->tentative || frame->tentative == RUNNING);
}

/* Takes the innermost frame from the stack. */
static __always_inline void pop(struct thread *thread, const struct frame *frame)
{
	thread->depth--;
	thread->over = 0;
	thread->level = frame->level;
	thread->owner = frame->owner;
	thread->open_seq = frame->parent_seq;
	thread->clock.told = frame->told;
	if (frame->is_inline)
		return;
	thread->entries = frame->entries;
	forget_waits(&thread->clock, frame->level);
}

static __always_inline struct running *running_at(struct thread *thread, __u32 level)
{
	if (level >= MAX_LEVELS)
		level = MAX_LEVELS - 1;
	opaque(level);
	return &thread->running[level & (MAX_LEVELS - 1)];
}

/* What runs of a sequence at a level will not be seen to end. */
static __always_inline void lose_running(struct thread *thread, __u32 level)
{
	struct running *r = running_at(thread, level);

	if (!r->active)
		return;
	r->active = 0;
	count(r->op, COUNT_REPLACED);
}

struct replacement {
	struct thread *thread;
	__u32 n;
};

/* A callback: as the body of a loop it would be verified once for each frame. */
static long replace_top(__u32 i, struct replacement *r)
{
	struct thread *thread = r->thread;
	__u32 top = thread->depth - 1;

	opaque(top);
	if (top < r->n || top >= MAX_DEPTH)
		return 1;
	if (!thread->frames[top].tentative)
		count(thread->frames[top].op, COUNT_REPLACED);
	if (!thread->frames[top].is_inline)
		lose_running(thread, thread->frames[top].level);
	pop(thread, &thread->frames[top]);
	return 0;
}

/* Takes frame n and all above it from the stack, as replaced. */
__noinline int replace(struct thread *thread, __u32 n)
{
	struct replacement r = {.thread = thread, .n = n};

	if (thread && thread->depth > n)
		bpf_loop(MAX_DEPTH, replace_top, &r, 0);
	return 0;
}

/* Whether an end belongs to a start that found the stack full. */
static __always_inline bool ends_overflow(struct thread *thread, __u16 op)
{
	if (!thread->over)
		return false;
	if (!(thread->over_ops >> (op & 63) & 1)) {
		/* It ends something below: the ends of those above were missed. */
		thread->over = 0;
		return false;
	}
	thread->over--;
	return true;
}

static __always_inline void begin_hit(struct thread *thread, struct pt_regs *ctx)
{
	copy_regs(&thread->regs, ctx);
	for (int i = 0; i < NUM_PASSED; i++)
		thread->regs.passed[i].at = 0;
	thread->real_start_ns = 0;
}

static __always_inline struct frame *push(struct thread *thread, __u16 op,
					  const struct op_config *config)
{
	bool is_inline = config->is_inline;
	__u32 n = thread->depth;
	struct frame *frame;

	if (n >= MAX_DEPTH) {
		if (!thread->over++)
			thread->over_ops = 0;
		thread->over_ops |= 1ULL << (op & 63);
		return 0;
	}
	frame = &thread->frames[n];
	frame->op = op;
	frame->is_inline = is_inline;
	frame->family = config->family;
	frame->shields = config->shields;
	frame->tentative = CERTAIN;
	frame->noted = 0;
	frame->failed = 0;
	frame->status = 0;
	frame->command = 0;
	frame->before = 0;
	frame->told = thread->clock.told;
	frame->start_used = 0;
	__builtin_memset(frame->start_strings, 0, sizeof(frame->start_strings));
	/* What is inline is part of the record around it. */
	frame->seq = is_inline ? thread->open_seq : ++thread->next_seq;
	frame->parent_seq = thread->open_seq;
	frame->level = thread->level;
	frame->owner = thread->owner;
	if (!thread->level) {
		thread->entries = 0;
		thread->detailed = 0;
	}
	frame->entries = thread->entries;
	__builtin_memset(frame->values, 0, sizeof(frame->values));
	thread->depth = n + 1;
	if (!is_inline) {
		thread->level++;
		thread->owner = n + 1;
		thread->open_seq = frame->seq;
	}
	return frame;
}

/*
 * Opens the frame that was just popped anew, for one that may follow: it has
 * the values that its start would find again.
 */
__noinline int reopen(struct thread *thread, struct frame *frame, __u16 kept)
{
	if (!thread || !frame)
		return 0;
	frame->tentative = FOLLOWING;
	frame->noted = 0;
	frame->failed = 0;
	frame->status = 0;
	frame->before = frame->command;
	frame->seq = ++thread->next_seq;
	for (int i = 0; i < MAX_VALUES; i++)
		if (!(kept >> i & 1))
			frame->values[i] = 0;
	if (!thread->level) {
		thread->entries = 0;
		thread->detailed = 0;
	}
	frame->entries = thread->entries;
	thread->depth++;
	thread->level++;
	thread->owner = thread->depth;
	thread->open_seq = frame->seq;
	return 0;
}

/* The level of the record in which a frame ends: its own, or that around it. */
static __always_inline __u32 level_of(const struct frame *frame)
{
	return frame->is_inline ? frame->level - 1 : frame->level;
}

static __always_inline struct histogram_key *key_at(struct thread *thread, __u32 level)
{
	if (level >= MAX_LEVELS)
		level = MAX_LEVELS - 1;
	opaque(level);
	return &thread->key[level & (MAX_LEVELS - 1)];
}

/* A nested operation is in the namespace of what is around it, until it tells its own. */
static __always_inline void inherit_namespace(struct thread *thread, struct histogram_key *key,
					      __u32 level)
{
	if (level)
		__builtin_memcpy(key->namespace, key_at(thread, level - 1)->namespace,
				 NAMESPACE_SIZE);
	else
		__builtin_memset(key->namespace, 0, NAMESPACE_SIZE);
}

/*
 * A program that sleeps while it reads memory, or is interrupted, may find probes of
 * the kernel hit on its own thread meanwhile.
 */
static __always_inline void set_busy(struct thread *thread, __u8 busy)
{
	*(volatile __u8 *)&thread->busy = busy;
}

/*
 * Adds a finished inner operation to the record of the one around it, while there are
 * fewer than the room. What the kernel does for one statement can be much: it leaves room for
 * what the server does itself.
 */
__noinline int add_entry(struct thread *thread, struct event *event, const struct entry *finished,
			 __u32 class, __u32 room)
{
	__u32 n;

	if (!thread || !finished)
		return 0;
	n = thread->entries;
	if (n < MAX_ENTRIES && n < room) {
		thread->entry[n] = *finished;
		thread->entries = n + 1;
	} else if (event && class < MAX_CLASSES) {
		event->rest_count[class]++;
		event->rest_ns[class] += finished->duration_ns;
	}
	return 0;
}

/* The same for what the kernel does, with the integers behind its value if there are any. */
__noinline int add_wide_entry(struct thread *thread, struct event *event,
			      const struct wide_entry *finished, __u32 class)
{
	__u32 n;

	if (!thread || !finished)
		return 0;
	if (!finished->entry.wide)
		return add_entry(thread, event, &finished->entry, class, KERNEL_ENTRIES);
	n = thread->entries;
	if (n >= KERNEL_ENTRIES - 1)
		return add_entry(thread, event, &finished->entry, class, 0);
	_Static_assert(sizeof(struct more) == sizeof(struct entry), "it takes the place of one");
	thread->entry[n] = finished->entry;
	__builtin_memcpy(&thread->entry[n + 1], &finished->more, sizeof(struct more));
	thread->entries = n + 2;
	return 0;
}

#endif
