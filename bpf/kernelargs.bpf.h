/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Finding the value of an argument at a probe of the kernel, and captures there:
 * integers and strings go into the record of the operation.
 */
#ifndef SPANBRIDGE_KERNELARGS_BPF_H
#define SPANBRIDGE_KERNELARGS_BPF_H

/* Bytes of strings behind a record; MAX_STRING of them are spare, for the one that is read. */
const volatile __u32 data_size = MAX_STRING;

#define MAX_ERRNO 4095 /* include/linux/err.h */

/* When and where a program runs. */
struct moment {
	__u64 context; /* the address of its arguments */
	__u64 now_ns;
};

struct pending_key {
	__u64 values[MAX_KEYS];
	__u64 op;
};

/* Whose an operation is. */
struct owner {
	__u64 task; /* a struct task_struct, 0: the current one, or nobody */
	__u32 tgid, tid;
};

struct hit {
	const struct spec *spec;
	const struct op_config *config;
	struct event *event; /* of the operation */
	struct moment at;
	struct pending_key key;
	__u64 real_start_ns; /* that a capture tells, or 0 */
	struct owner owner;
};

static __always_inline long read_memory(void *to, __u32 size, __u64 address, bool user)
{
	if (user)
		return bpf_probe_read_user(to, size, (const void *)address);
	return bpf_probe_read_kernel(to, size, (const void *)address);
}

static __always_inline long read_number(__u64 *value, __u32 size, __u64 address, bool user)
{
	*value = 0;
	/* From 1 to 8, in a way that Linux 6.1 can follow. */
	return read_memory(value, ((size - 1) & 7) + 1, address, user);
}

/* The struct file of a descriptor of the current process, or 0. */
static __always_inline __u64 file_of(__u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(bpf_get_current_task_btf(), files, fdt);
	__u64 file = 0;

	if (descriptor < BPF_CORE_READ(table, max_fds))
		read_number(&file, 8, (__u64)BPF_CORE_READ(table, fd) + 8ULL * descriptor, false);
	return file;
}

/* Returns 0, or a negative error number if memory could not be read. */
__noinline int read_word(const struct arg *arg, const struct moment *at, const struct event *event,
			 __u64 *value)
{
	__u32 loads, size;
	__u64 v = 0;

	if (!arg || !at || !value)
		return -1;
	loads = arg->loads;
	size = arg->size;
	switch (arg->kind) {
	case ARG_CONST:
		v = arg->disp;
		break;
	case ARG_CONTEXT:
		if (read_number(&v, loads ? 8 : size, at->context + arg->disp, false))
			return -1;
		break;
	case ARG_INSIDE:
		v = at->context + arg->disp;
		break;
	case ARG_DATA_LOC:
		if (read_number(&v, 4, at->context + arg->disp, false))
			return -1;
		*value = at->context + arg->add + (v & 0xffff);
		return 0;
	case ARG_TASK:
		v = (__u64)bpf_get_current_task();
		break;
	case ARG_FILE:
		if (read_number(&v, 4, at->context + arg->disp, false))
			return -1;
		v = file_of(v);
		break;
	case ARG_SAVED:
		if (!event)
			return -1;
		v = event->values[arg->base & (MAX_VALUES - 1)];
		break;
	default:
		return -1;
	}
	for (__u32 i = 0; i < MAX_LOADS; i++) {
		if (i >= loads)
			break;
		if (!v) {
			*value = 0;
			return 0;
		}
		if (read_number(&v, i + 1 == loads ? size : 8, v + arg->offsets[i],
				arg->user >> i & 1))
			return -1;
	}
	v = extend(v, size, arg->is_signed) >> (arg->right & 63);
	if (arg->bits)
		v &= (1ULL << (arg->bits & 63)) - 1;
	*value = v && arg->add ? v + arg->add : v;
	return 0;
}

static __always_inline void capture_number(struct hit *hit, const struct capture *c)
{
	struct event *event = hit->event;
	__u32 slot = c->slot;
	__u64 value = 0;

	opaque(slot);
	slot &= MAX_VALUES - 1;
	if (c->flags & CAPTURE_FIRST && event->values[slot])
		return;
	if (c->type == CAPTURE_TIME)
		value = hit->at.now_ns ?: bpf_ktime_get_ns();
	else if (read_word(&c->arg, &hit->at, event, &value)) {
		event->flags |= EVENT_FAULT;
		return;
	}
	if (c->flags & CAPTURE_EQUALS)
		value = value == c->max;
	if (c->flags & CAPTURE_ERRNO)
		value = (__s64)value < 0 && (__s64)value >= -MAX_ERRNO ? -value : 0;
	if (c->role == ROLE_START)
		hit->real_start_ns = value;
	if ((c->role == ROLE_FAILED || c->role == ROLE_ERROR) && value)
		event->flags |= EVENT_FAILED;
	opaque(slot);
	event->values[slot & (MAX_VALUES - 1)] = value;
}

/* Room for one more string; where it is is checked again at its use. */
static __always_inline char *room_for_string(struct event *event, __u32 *offset)
{
	__u64 used = event->used;

	opaque(used);
	if (used > data_size - MAX_STRING)
		return 0;
	*offset = used;
	return data_of(checked(event)) + used;
}

static __always_inline void enter_string(struct event *event, __u32 slot, __u32 offset, __u32 length)
{
	if (slot >= MAX_STRINGS)
		return;
	event->strings[slot].offset = offset;
	event->strings[slot].length = length;
	event->used = offset + length;
}

static __always_inline void capture_string(struct hit *hit, const struct capture *c)
{
	struct event *event = hit->event;
	bool user = c->arg.user >> (c->arg.loads & 7) & 1;
	__u32 offset, size = c->max, slot = c->slot;
	__u64 address = 0, length = 0;
	char *to;
	long n;

	if (slot >= MAX_STRINGS || (c->flags & CAPTURE_FIRST && event->strings[slot].length))
		return;
	if (read_word(&c->arg, &hit->at, event, &address)) {
		event->flags |= EVENT_FAULT;
		return;
	}
	if (!address)
		return;
	if (c->type == CAPTURE_BYTES && c->length.kind != ARG_NONE) {
		if (read_word(&c->length, &hit->at, event, &length)) {
			event->flags |= EVENT_FAULT;
			return;
		}
		if (c->flags & CAPTURE_END)
			length -= address;
		size = length < size ? length : size;
	}
	to = room_for_string(event, &offset);
	opaque(size);
	if (!to || size > MAX_STRING) {
		event->flags |= EVENT_FAULT;
		return;
	}
	if (c->type == CAPTURE_BYTES)
		n = read_memory(to, size, address, user) ? -1 : size;
	else if (user)
		n = bpf_probe_read_user_str(to, size, (const void *)address) - 1;
	else
		n = bpf_probe_read_kernel_str(to, size, (const void *)address) - 1;
	/* Of an empty string older kernels return 0 (mm/maccess.c). */
	if (n == -1 && c->type != CAPTURE_BYTES)
		n = 0;
	if (n < 0 || n > MAX_STRING) {
		event->flags |= EVENT_FAULT;
		return;
	}
	enter_string(event, slot, offset, n);
}

static int capture_one(__u32 i, struct hit *hit)
{
	const struct capture *c;

	opaque(i);
	c = &hit->spec->capture[i & (MAX_CAPTURES - 1)];
	if (c->needs && !hit->event->values[(c->needs - 1) & (MAX_VALUES - 1)])
		return 0;
	switch (c->type) {
	case CAPTURE_INT:
	case CAPTURE_TIME:
		capture_number(hit, c);
		break;
	case CAPTURE_STRING:
	case CAPTURE_BYTES:
		capture_string(hit, c);
		break;
	}
	return 0;
}

/* Carries out the captures of the site. */
static __always_inline void capture_all(struct hit *hit)
{
	if (hit->spec->captures)
		bpf_loop(hit->spec->captures & (MAX_CAPTURES * 2 - 1), capture_one, hit, 0);
}

/* Leaves the words for integers alone. */
static __always_inline void copy_name(struct histogram_key *key, const struct hit *hit)
{
	struct event *event = hit->event;
	__u32 slot = hit->config->by_string - 1, length;
	__u64 offset;

	opaque(slot);
	if (slot >= MAX_STRINGS)
		return;
	offset = event->strings[slot].offset;
	length = event->strings[slot].length;
	if (length >= NAMESPACE_SIZE - 8 * BY_VALUES)
		length = NAMESPACE_SIZE - 8 * BY_VALUES - 1;
	opaque(offset);
	if (offset > data_size - MAX_STRING)
		return;
	opaque(length);
	bpf_probe_read_kernel(key->namespace, length & (NAMESPACE_SIZE - 1),
			      data_of(checked(event)) + offset);
}

#endif
