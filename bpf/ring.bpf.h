/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The ring buffer in which records travel to user space. */
#ifndef SPANBRIDGE_RING_BPF_H
#define SPANBRIDGE_RING_BPF_H

/* The reader wakes by itself ten times a second, or whenever this much has come. */
const volatile __u32 wake_shift = 16; /* 64 KiB */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

/*
 * Keeps the compiler from computing an address within an event ahead of the
 * test for NULL, which the verifier refuses.
 */
static __always_inline struct event *checked(struct event *event)
{
	opaque(event);
	return event;
}

static __always_inline char *data_of(struct event *event)
{
	return (char *)(event + 1);
}

static __always_inline __u64 wake_flags(__u32 size)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);

	return (waiting ^ (waiting + size)) >> wake_shift ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline long send(struct event *event, __u32 size)
{
	return bpf_ringbuf_output(&events, event, size, wake_flags(size));
}

static __always_inline void submit(struct event *event, __u32 data)
{
	long err = send(event, sizeof(*event) + data);

	if (!err)
		count(event->op, COUNT_SUBMITTED);
	else
		count(event->op, err == -EAGAIN ? COUNT_RING_FULL : COUNT_KERNEL_ERRORS);
}

#endif
