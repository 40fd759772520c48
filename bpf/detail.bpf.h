/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What notes tell of an inner operation, such as which lock it waits for. Notes are
 * hit while it goes on, or shortly before it begins; it has what they told when it ends.
 * Only threads for which there is something to tell have a place for it.
 */
#ifndef SPANBRIDGE_DETAIL_BPF_H
#define SPANBRIDGE_DETAIL_BPF_H

struct details {
	struct frame frame; /* the integers of now */
	__u64 of;	    /* values of the inner operation for which now holds, by bit */
	__u32 seq;	    /* of the record around it */
	__u32 next;	    /* of kept */
	struct detail now;
	struct detail kept[MAX_DETAILS]; /* the last ones */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct details);
} details SEC(".maps");

static __always_inline void forget_now(struct details *d)
{
	d->of = 0;
	__builtin_memset(d->frame.values, 0, sizeof(d->frame.values));
	__builtin_memset(d->now.names, 0, sizeof(d->now.names));
	d->now.used = 0;
}

/* Reads a name up to its NUL, or all bytes that one can have, behind those before. */
__noinline int read_name(struct detail *now, __u32 slot, __u64 address, bool whole)
{
	struct span_string *name;
	__u32 offset;
	long n;

	if (!now)
		return 0;
	offset = now->used;
	opaque(offset);
	if (offset > NAME_SIZE)
		return 0;
	if (whole)
		n = bpf_copy_from_user(now->text + offset, NAME_SIZE, (const void *)address)
			    ? 0
			    : NAME_SIZE;
	else
		n = read_user_string(now->text + offset, NAME_SIZE, address) - 1;
	if (n <= 0)
		return 0;
	opaque(slot);
	name = &now->names[slot & (DETAIL_NAMES - 1)];
	name->offset = offset;
	name->length = n;
	now->used = offset + n;
	return 0;
}

/* The place for what a note tells, which is empty unless notes of the same wait came before. */
static __always_inline struct details *details_at(const struct thread *thread,
						  const struct spec *spec, struct task_struct *task)
{
	struct details *d =
		bpf_task_storage_get(&details, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!d || (d->of == spec->when && d->seq == thread->open_seq &&
		   !(spec->flags & SPEC_ANNOUNCES)))
		return d;
	forget_now(d);
	d->of = spec->when;
	d->seq = thread->open_seq;
	return d;
}

static __always_inline void detail_int(struct hit *hit, const struct capture *c)
{
	__u64 *kept = value_at(hit->frame, c->slot), value = 0, other = 0;

	if ((c->flags & CAPTURE_FIRST && *kept) || read_arg(&c->arg, &hit->thread->regs, 0, &value))
		return;
	if (c->flags & CAPTURE_EQUALS)
		value = value == c->max;
	if (c->flags & CAPTURE_SAME)
		value = !read_arg(&c->length, &hit->thread->regs, 0, &other) && value == other;
	if (c->flags & CAPTURE_SOLE && *kept && *kept != value)
		value = -1;
	*kept = value;
}

/* A callback, as capture_one is. What cannot be read is not told. */
static long detail_one(__u32 i, struct hit *hit)
{
	const struct capture *c;
	__u64 address = 0;

	if (i >= MAX_CAPTURES)
		return 1;
	c = &hit->spec->capture[i];
	if (!wanted(hit, c))
		return 0;
	if (c->type == CAPTURE_INT)
		detail_int(hit, c);
	else if (c->flags & CAPTURE_FIRST &&
		 hit->detail->names[c->slot & (DETAIL_NAMES - 1)].length)
		return 0;
	else if (!read_arg(&c->arg, &hit->thread->regs, 0, &address) && address)
		read_name(hit->detail, c->slot, address, c->type == CAPTURE_KEY);
	return 0;
}

/* A hit that tells something of an inner operation that goes on, or will. */
static __always_inline int on_detail(struct hit *hit, struct pt_regs *ctx, struct task_struct *task)
{
	struct details *d;

	if (!hit->thread || !hit->thread->level)
		return 0;
	d = details_at(hit->thread, hit->spec, task);
	if (!d)
		return 0;
	begin_hit(hit->thread, ctx);
	count(hit->spec->op, COUNT_NOTES);
	hit->frame = &d->frame;
	hit->detail = &d->now;
	bpf_loop(hit->spec->captures, detail_one, hit, 0);
	return 0;
}

/*
 * What notes have told belongs to the inner operation that ends. One that goes on
 * with the one before has been told of.
 */
__noinline int keep_detail(struct thread *thread, __u64 start_ns, __u64 value, bool joined)
{
	struct details *d = bpf_task_storage_get(&details, bpf_get_current_task_btf(), 0, 0);
	struct detail *kept;
	__u32 n;

	if (!thread || !d || d->seq != thread->open_seq || value >= 64 || !(d->of >> value & 1))
		return 0;
	if (!joined) {
		n = d->next++;
		opaque(n);
		kept = &d->kept[n & (MAX_DETAILS - 1)];
		bpf_probe_read_kernel(kept, sizeof(*kept), &d->now);
		kept->start_ns = start_ns;
		__builtin_memcpy(kept->values, d->frame.values, sizeof(kept->values));
		thread->detailed = 1;
	}
	forget_now(d);
	return 0;
}

#endif
