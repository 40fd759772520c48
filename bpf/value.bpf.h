/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Small things about values. */
#ifndef SPANBRIDGE_VALUE_BPF_H
#define SPANBRIDGE_VALUE_BPF_H

/*
 * Makes the compiler forget what it knows of a variable, so that the verifier
 * sees a bound tested on the very register that is used afterwards.
 */
#define opaque(variable) asm volatile("" : "+r"(variable))

static __always_inline __u64 extend(__u64 value, __u32 size, bool is_signed)
{
	__u32 shift = 64 - 8 * size;

	if (size < 1 || size >= 8)
		return value;
	value <<= shift & 63;
	return is_signed ? (__u64)((__s64)value >> (shift & 63)) : value >> (shift & 63);
}

#endif
