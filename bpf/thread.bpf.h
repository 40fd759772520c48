/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The state of a thread: its stack of open operations, and one record buffer
 * for each nesting level of operations that send a record. Task storage is
 * freed with the thread and written by that thread alone.
 */
#ifndef SPANBRIDGE_THREAD_BPF_H
#define SPANBRIDGE_THREAD_BPF_H

struct frame {
	__u64 start_ns;
	__u32 seq, parent_seq;
	__u16 op;
	/* The state of struct thread before this frame was pushed. */
	__u8 level, owner, entries, pad[3];
	__u64 values[MAX_VALUES];
};

struct thread {
	__u32 depth;
	__u32 next_seq;
	__u32 open_seq; /* of the innermost open operation that sends a record, or 0 */
	__u32 over;	/* starts that found the stack full and still wait for their end */
	__u8 level;	/* open operations that send a record */
	__u8 owner;	/* frames up to and with the innermost of those */
	__u8 entries, pad[5];
	__u64 namespace[NAMESPACE_SIZE / 8];
	struct frame frames[MAX_DEPTH];
	struct entry entry[MAX_ENTRIES];
	struct event bare; /* the record of an operation without a buffer */
	/*
	 * Scratch of one hit. It is here because the stack is too small, and
	 * because the verifier does not follow values in memory: fewer states.
	 */
	__u64 guard, real_start_ns;
	__u32 status, failed;
	struct regs regs;
	struct histogram_key key;
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

static __always_inline struct event *record_buffer(struct task_struct *task, __u32 level, __u64 flags)
{
	switch (level) {
	case 0:
		return bpf_task_storage_get(&buffers0, task, 0, flags);
	case 1:
		return bpf_task_storage_get(&buffers1, task, 0, flags);
	case 2:
		return bpf_task_storage_get(&buffers2, task, 0, flags);
	case 3:
		return bpf_task_storage_get(&buffers3, task, 0, flags);
	}
	return 0;
}

/* The number of the innermost open frame of that operation, or -1. */
static __always_inline int find_frame(const struct thread *thread, __u16 op)
{
	for (int i = 0; i < MAX_DEPTH; i++) {
		__u32 n = thread->depth - 1 - i;

		opaque(n);
		if (n >= MAX_DEPTH)
			break;
		if (thread->frames[n].op == op)
			return n;
	}
	return -1;
}

/* Takes frame n and all above it from the stack; those above are counted as replaced. */
static __always_inline void unwind(struct thread *thread, __u32 n)
{
	if (n >= MAX_DEPTH)
		return;
	for (int i = 0; i < MAX_DEPTH; i++) {
		__u32 top = thread->depth - 1;

		opaque(top);
		if (top <= n || top >= MAX_DEPTH)
			break;
		count(thread->frames[top].op, COUNT_REPLACED);
		thread->depth = top;
	}
	thread->depth = n;
	thread->over = 0;
	thread->level = thread->frames[n].level;
	thread->owner = thread->frames[n].owner;
	thread->open_seq = thread->frames[n].parent_seq;
}

static __always_inline void begin_hit(struct thread *thread, struct pt_regs *ctx)
{
	copy_regs(&thread->regs, ctx);
	thread->real_start_ns = 0;
	thread->status = 0;
	thread->failed = 0;
}

static __always_inline struct frame *push(struct thread *thread, __u16 op, bool is_inline)
{
	__u32 n = thread->depth;
	struct frame *frame;

	if (n >= MAX_DEPTH) {
		thread->over++;
		return 0;
	}
	frame = &thread->frames[n];
	frame->op = op;
	frame->seq = ++thread->next_seq;
	frame->parent_seq = thread->open_seq;
	frame->level = thread->level;
	frame->owner = thread->owner;
	if (!thread->level)
		thread->entries = 0;
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

#endif
