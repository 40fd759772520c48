/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Carrying out the captures of a site: integers into the frame, strings and text into the record
 * buffer. */
#ifndef SPANBRIDGE_CAPTURE_BPF_H
#define SPANBRIDGE_CAPTURE_BPF_H

const volatile __u32 text_head = 4096; /* bytes kept from the start of a text */

/* Where each kind of item may begin, so that what follows it still fits. */
#define TEXT_LIMIT STRINGS_SIZE
#define DATA_SIZE  (STRINGS_SIZE + text_head + TAIL_SIZE + MAX_ENTRIES * sizeof(struct entry))

struct hit {
	const struct spec *spec;
	struct thread *thread;
	struct frame *frame;
	struct histogram_key *key;
	struct event *event; /* the record buffer, or NULL */
	struct detail *detail; /* what a note of an inner operation tells, or NULL */
	__u64 now_ns;	     /* the time of the hit */
	__u32 first;	     /* capture to begin with */
	__u32 site;	     /* index of spec */
	__u32 level;	     /* of the record buffer, if there is one */
};

/* To copy a namespace by words. */
struct name {
	__u64 words[NAMESPACE_SIZE / 8];
};

static __always_inline void mark(struct hit *hit, __u16 flag)
{
	if (hit->event)
		checked(hit->event)->flags |= flag;
}

/* The slot is masked where it is used: Linux 6.1 does not remember a test of it. */
static __always_inline __u64 *value_at(struct frame *frame, __u32 slot)
{
	opaque(slot);
	return &frame->values[slot & (MAX_VALUES - 1)];
}

static __always_inline void capture_int(struct hit *hit, const struct capture *c)
{
	__u64 *kept = value_at(hit->frame, c->slot), value = 0;

	if (c->flags & CAPTURE_FIRST && *kept)
		return;
	if (c->type == CAPTURE_TIME) {
		value = hit->now_ns;
	} else if (read_arg(&c->arg, &hit->thread->regs, hit->frame, &value)) {
		mark(hit, EVENT_FAULT);
		return;
	}
	if (c->flags & CAPTURE_EQUALS)
		value = value == c->max;
	if (c->role == ROLE_START)
		hit->thread->real_start_ns = value;
	if (c->role == ROLE_ERROR)
		hit->frame->status = value;
	if ((c->role == ROLE_FAILED || c->role == ROLE_ERROR) && value)
		hit->frame->failed = 1;
	*kept = value;
}

/*
 * A string lies at the event's end, for the time being. Returns its length with
 * the NUL, or a negative error number.
 */
static __always_inline long read_string(struct hit *hit, const struct capture *c, char *to,
					__u32 max, __u64 address)
{
	struct name *name = (struct name *)hit->key->namespace;
	long n;

	if (c->role != ROLE_NAMESPACE)
		return read_user_string(to, max, address);
	n = read_user_string((char *)name, NAMESPACE_SIZE, address);
	if (n == NAMESPACE_SIZE && max > NAMESPACE_SIZE)
		return read_user_string(to, max, address);
	*(struct name *)to = *name;
	return n > max ? max : n;
}

/* Strings before the text leave room for it, and those behind it for the entries. */
static __always_inline __u32 last_string(const struct event *event)
{
	if (event->flags & EVENT_HAS_TEXT)
		return DATA_SIZE - MAX_STRING - MAX_ENTRIES * sizeof(struct entry);
	return STRINGS_SIZE - MAX_STRING;
}

/*
 * Enters a string that was read behind the event's other data. It takes the place
 * of the one that the same capture found at a hit before, if it fits there: notes
 * are hit any number of times. Those of the start are kept for what may follow.
 */
static __always_inline void enter_string(struct event *event, const struct frame *frame, __u32 slot,
					 __u32 offset, __u32 length)
{
	struct span_string *s = &event->strings[slot];
	__u32 before = s->offset;

	opaque(length);
	if (length >= MAX_STRING)
		return;
	if (length <= s->length && before >= frame->start_used && before <= DATA_SIZE - MAX_STRING) {
		bpf_probe_read_kernel(data_of(event) + before, length, data_of(event) + offset);
	} else {
		s->offset = offset;
		event->used = offset + length;
	}
	s->length = length;
}

static __always_inline void capture_string(struct hit *hit, const struct capture *c)
{
	struct event *event = hit->event;
	__u32 slot = c->slot, max = c->max, offset;
	__u64 address = 0;
	long n;

	if (c->flags & CAPTURE_FIRST && event && slot < MAX_STRINGS &&
	    checked(event)->strings[slot].length)
		return;
	if (c->role == ROLE_NAMESPACE)
		__builtin_memset(hit->key->namespace, 0, NAMESPACE_SIZE);
	if (read_arg(&c->arg, &hit->thread->regs, hit->frame, &address)) {
		mark(hit, EVENT_FAULT);
		return;
	}
	if (!address || slot >= MAX_STRINGS)
		return;
	if (!event) {
		if (c->role == ROLE_NAMESPACE)
			read_user_string((char *)hit->key->namespace, NAMESPACE_SIZE, address);
		return;
	}
	event = checked(event);
	offset = event->used;
	if (max < 1 || max > MAX_STRING)
		max = MAX_STRING;
	if (offset > last_string(event)) {
		mark(hit, EVENT_FAULT);
		return;
	}
	n = read_string(hit, c, data_of(event) + offset, max, address);
	if (n < 1 || n > MAX_STRING) {
		mark(hit, EVENT_FAULT);
		return;
	}
	enter_string(event, hit->frame, slot, offset, n - 1);
}

static __always_inline void capture_attribute(struct hit *hit, const struct capture *c)
{
	struct event *event = hit->event;
	__u64 array = 0, n = 0, value;
	__u32 slot = c->slot, offset;

	if (!event || slot >= MAX_STRINGS)
		return;
	event = checked(event);
	if (read_arg(&c->length, &hit->thread->regs, hit->frame, &n) ||
	    (n && read_arg(&c->arg, &hit->thread->regs, hit->frame, &array))) {
		mark(hit, EVENT_FAULT);
		return;
	}
	if (find_traceparent(array, n, &value)) {
		mark(hit, EVENT_FAULT);
		return;
	}
	if (!value)
		return;
	offset = event->used;
	if (offset > last_string(event) ||
	    bpf_copy_from_user(data_of(event) + offset, TRACEPARENT_SIZE, (const void *)value)) {
		mark(hit, EVENT_FAULT);
		return;
	}
	enter_string(event, hit->frame, slot, offset, TRACEPARENT_SIZE);
}

/* The verifier wants the test of a size right before its use. */
static __always_inline long read_bytes(char *to, __u32 size, __u32 max, __u64 address)
{
	opaque(size);
	if (size > max)
		return -1;
	return bpf_copy_from_user(to, size, (const void *)address);
}

/* A text of known length: its head, and its last bytes if it is longer. */
static __always_inline void capture_known(struct event *event, __u32 offset, __u64 address,
					  __u64 length)
{
	__u32 head = length, tail = 0;

	if (length >> 32) {
		/* No statement is that long: it is a negative number, or no length at all. */
		event->flags |= EVENT_TEXT_FAULT;
		return;
	}
	event->text_length = length;
	if (length > text_head) {
		head = text_head;
		tail = length - head > TAIL_SIZE ? TAIL_SIZE : length - head;
		event->flags |= EVENT_TEXT_CUT;
	}
	if (read_bytes(data_of(event) + offset, head, text_head, address)) {
		event->flags |= EVENT_TEXT_FAULT;
		return;
	}
	if (tail &&
	    read_bytes(data_of(event) + offset + head, tail, TAIL_SIZE, address + length - tail)) {
		event->flags |= EVENT_TEXT_FAULT;
		tail = 0;
	}
	event->head = head;
	event->tail = tail;
	event->used = offset + head + tail;
}

/* A text that ends with a NUL. */
static __always_inline void capture_terminated(struct event *event, __u32 offset, __u64 address)
{
	__u32 size = text_head + 1;
	long n = read_user_string(data_of(event) + offset, size, address);
	__u64 next = 0;

	if (n < 1 || n > size) {
		event->flags |= EVENT_TEXT_FAULT;
		return;
	}
	event->head = n - 1;
	event->used = offset + n - 1;
	if (n < size) {
		event->text_length = n - 1;
		return;
	}
	if (read_user(&next, 1, address + n - 1) || next)
		event->flags |= EVENT_TEXT_CUT;
	else
		event->text_length = n - 1;
}

static __always_inline void capture_text(struct hit *hit, const struct capture *c)
{
	struct event *event = hit->event;
	__u64 address = 0, length = 0;
	__u32 offset;

	if (!event)
		return;
	event = checked(event);
	if (event->flags & EVENT_HAS_TEXT)
		return;
	offset = event->used;
	if (offset > TEXT_LIMIT)
		return;
	/* Kept from here on: Linux 6.1 does not apply the test to copies made before. */
	opaque(offset);
	event->flags |= EVENT_HAS_TEXT;
	event->text_offset = offset;
	if (read_arg(&c->arg, &hit->thread->regs, hit->frame, &address) || !address) {
		event->flags |= EVENT_TEXT_FAULT;
		return;
	}
	if (c->length.kind == ARG_NONE)
		capture_terminated(event, offset, address);
	else if (read_arg(&c->length, &hit->thread->regs, hit->frame, &length))
		event->flags |= EVENT_TEXT_FAULT;
	else
		capture_known(event, offset, address, length);
}

static __always_inline bool wanted(const struct hit *hit, const struct capture *c)
{
	__u64 guard = hit->thread->guard;

	if (c->needs && !hit->frame->values[(c->needs - 1) & (MAX_VALUES - 1)])
		return false;
	return !c->when || (guard < 64 && c->when >> guard & 1);
}

/* A callback: as the body of a loop it would be verified once for each capture. */
static long capture_one(__u32 i, struct hit *hit)
{
	const struct capture *c;

	i += hit->first;
	if (i >= MAX_CAPTURES)
		return 1;
	c = &hit->spec->capture[i];
	if (!wanted(hit, c))
		return 0;
	if (c->type == CAPTURE_INT || c->type == CAPTURE_TIME)
		capture_int(hit, c);
	else if (c->type == CAPTURE_STRING)
		capture_string(hit, c);
	else if (c->type == CAPTURE_ATTRIBUTE)
		capture_attribute(hit, c);
	return 0;
}

/* Captures the text, which is the site's last capture if it has one. */
static __always_inline void capture_last(struct hit *hit)
{
	__u32 last = hit->spec->captures - 1;
	const struct capture *c;

	opaque(last);
	if (last >= MAX_CAPTURES)
		return;
	c = &hit->spec->capture[last];
	if (c->type == CAPTURE_TEXT && wanted(hit, c))
		capture_text(hit, c);
}

#define NO_RECORD (1 << 8) /* beside the level of a hit without a record buffer */

/* Finds again what a function that is verified once cannot be handed. */
static __always_inline bool enter_hit(struct hit *hit, struct thread *thread, struct frame *frame,
				      __u32 site, __u32 level)
{
	if (!thread || !frame)
		return false;
	hit->spec = bpf_map_lookup_elem(&sites, &site);
	if (!hit->spec)
		return false;
	hit->thread = thread;
	hit->frame = frame;
	hit->key = key_at(thread, level & ~NO_RECORD);
	if (!(level & NO_RECORD))
		hit->event = record_buffer(bpf_get_current_task_btf(), level, 0);
	hit->now_ns = thread->now_ns;
	return true;
}

#define WITH_TEXT (1 << 16)

/*
 * Carries out a site's captures from one number to another, in the first and the
 * second byte of which, and its text if WITH_TEXT is set.
 */
__noinline int capture_site(struct thread *thread, struct frame *frame, __u32 site, __u32 level,
			    __u32 which)
{
	__u32 from = which & 0xff, to = which >> 8 & 0xff;
	struct hit hit = {.first = from};

	if (!enter_hit(&hit, thread, frame, site, level))
		return 0;
	if (to > from)
		bpf_loop(to - from, capture_one, &hit, 0);
	if (which & WITH_TEXT)
		capture_last(&hit);
	return 0;
}

static __always_inline __u32 record_level(const struct hit *hit)
{
	return hit->event ? hit->level : hit->level | NO_RECORD;
}

static __always_inline bool has_text(const struct spec *spec)
{
	__u32 last = spec->captures - 1;

	opaque(last);
	return last < MAX_CAPTURES && spec->capture[last].type == CAPTURE_TEXT;
}

static __always_inline void capture(struct hit *hit, __u32 from, __u32 to, __u32 text)
{
	if (text && !has_text(hit->spec))
		text = 0;
	if (to <= from && !text)
		return;
	hit->thread->now_ns = hit->now_ns;
	capture_site(hit->thread, hit->frame, hit->site, record_level(hit),
		     from | to << 8 | text);
}

#endif
