/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Telling operations apart by what their text begins with. */
#ifndef SPANBRIDGE_PREFIX_BPF_H
#define SPANBRIDGE_PREFIX_BPF_H

/* By words, so that the verifier has no loop to follow. */
struct prefix {
	__u64 words[PREFIX_SIZE / 8];
};

#define EACH_BYTE(value) (0x0101010101010101ULL * (value))

/* Eight letters in small; what is no letter from A to Z stays. */
static __always_inline __u64 small(__u64 word)
{
	__u64 low = word & EACH_BYTE(0x7f); /* so that no sum carries into the next byte */
	__u64 from_a = low + EACH_BYTE(0x80 - 'A'), beyond_z = low + EACH_BYTE(0x80 - 'Z' - 1);

	return word | ((from_a & ~beyond_z & ~word & EACH_BYTE(0x80)) >> 2);
}

/* Whether the beginning of a text is a prefix in small letters; NULs follow both. */
static __always_inline bool is_prefix(const struct prefix *text, const struct prefix *prefix)
{
	__u64 differ = 0;

#pragma unroll
	for (int i = 0; i < PREFIX_SIZE / 8; i++)
		differ |= small(text->words[i]) ^ prefix->words[i];
	return !differ;
}

/*
 * Whether the operation's text begins with its prefix: what the record has of it, or
 * else what the site's last capture would find.
 */
__noinline int text_begins(struct thread *thread, struct frame *frame, __u32 site, __u32 level,
			   const struct op_config *config)
{
	__u32 last, offset, length;
	struct prefix text = {};
	const struct capture *c;
	struct event *event;
	struct hit hit = {};
	__u64 address = 0;

	if (!config || !enter_hit(&hit, thread, frame, site, level) || !hit.event)
		return 0;
	length = config->prefix_length;
	opaque(length);
	if (length > PREFIX_SIZE)
		return 0;
	event = checked(hit.event);
	if (event->flags & EVENT_HAS_TEXT) {
		offset = event->text_offset;
		if (event->head < length || offset > TEXT_LIMIT ||
		    bpf_probe_read_kernel(&text, length, data_of(event) + offset))
			return 0;
	} else {
		last = hit.spec->captures - 1;
		opaque(last);
		if (last >= MAX_CAPTURES)
			return 0;
		c = &hit.spec->capture[last];
		if (c->type != CAPTURE_TEXT || !wanted(&hit, c) ||
		    read_arg(&c->arg, &thread->regs, frame, &address))
			return 0;
		/* No further: a shorter text may end where its memory does. */
		if (bpf_copy_from_user(&text, length, (const void *)address))
			return 0;
	}
	return is_prefix(&text, (const struct prefix *)config->prefix);
}

#endif
