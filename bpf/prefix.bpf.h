/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Telling operations apart by what their text begins with. */
#ifndef SPANBRIDGE_PREFIX_BPF_H
#define SPANBRIDGE_PREFIX_BPF_H

struct prefix {
	char text[PREFIX_SIZE];
};

/* Whether a text begins with a prefix in small letters. */
__noinline int begins(const struct prefix *text, const struct prefix *prefix, __u32 length)
{
	if (!text || !prefix)
		return 0;
	for (int i = 0; i < PREFIX_SIZE; i++) {
		char have = text->text[i];

		if (i >= length)
			break;
		if (have >= 'A' && have <= 'Z')
			have |= 0x20;
		if (have != prefix->text[i])
			return 0;
	}
	return 1;
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
	event = checked(hit.event);
	if (event->flags & EVENT_HAS_TEXT) {
		offset = event->text_offset;
		if (event->head < length || offset > TEXT_LIMIT ||
		    bpf_probe_read_kernel(&text, sizeof(text), data_of(event) + offset))
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
		opaque(length);
		if (length > PREFIX_SIZE ||
		    bpf_copy_from_user(&text, length, (const void *)address))
			return 0;
	}
	return begins(&text, (const struct prefix *)config->prefix, length);
}

#endif
