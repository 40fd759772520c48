/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who tells of what is open and will not be seen to end: the thread, where it ends, or
 * the reader in user space, where the session ends. The first one does, and nobody else.
 */
#ifndef SPANBRIDGE_TELLER_BPF_H
#define SPANBRIDGE_TELLER_BPF_H

enum teller {
	TELLER_NOBODY,
	TELLER_THREAD,
	TELLER_READER, /* who may be at it still: nothing of it changes any more */
	TELLER_GONE,   /* the reader, and the thread has ended since */
};

/* Makes somebody the teller; returns who was it before. */
static __always_inline enum teller claim(__u32 *teller, enum teller by)
{
	return __sync_val_compare_and_swap(teller, TELLER_NOBODY, by);
}

#endif
