/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Finding the value of a probe's argument in registers and user memory. */
#ifndef SPANBRIDGE_ARGS_BPF_H
#define SPANBRIDGE_ARGS_BPF_H

/*
 * The registers by DWARF number (System V ABI AMD64, figure 3.36; DWARF for
 * Arm 64-bit), copied once: the verifier allows no variable offset into a
 * program's context, but does into its stack.
 */
#if defined(__TARGET_ARCH_x86)
#define NUM_REGS 17
#elif defined(__TARGET_ARCH_arm64)
#define NUM_REGS 33
#endif

/* A pointer that was read at this hit: other captures may go through it too. */
struct passed {
	__u64 at, value;
};

#define NUM_PASSED 4 /* a power of two */

struct regs {
	__u64 r[NUM_REGS];
	struct passed passed[NUM_PASSED];
};

static __always_inline struct passed *passed_at(struct regs *regs, __u64 address)
{
	return &regs->passed[(address ^ address >> 7) >> 3 & (NUM_PASSED - 1)];
}

/* Why an open operation may turn out not to exist. */
enum tentative {
	CERTAIN,
	FOLLOWING, /* one has ended, and another start has not come */
	ANNOUNCED,
	DORMANT, /* announced, and it did not come; the next one has its values */
	RUNNING, /* announced, with what is known of it: it is told while it runs */
};

/* An open operation. */
struct frame {
	__u64 start_ns;
	__u32 seq, parent_seq;
	__u16 op;
	__u8 is_inline;
	/* The state of struct thread before this frame was pushed. */
	__u8 level, owner, entries;
	__u8 family;
	__u8 shields;
	__u8 tentative; /* enum tentative */
	__u8 noted;	/* its last note was hit */
	__u8 failed;
	__u8 told; /* enum time_class plus 1: see struct clock */
	__u32 status;
	__u8 command, before; /* guard values plus 1, 0 for none */
	__u16 start_used;     /* of the event's data, by strings of the start */
	struct span_string start_strings[MAX_STRINGS];
	__u64 values[MAX_VALUES];
};

static __always_inline void copy_regs(struct regs *regs, struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_x86)
	regs->r[0] = ctx->ax;
	regs->r[1] = ctx->dx;
	regs->r[2] = ctx->cx;
	regs->r[3] = ctx->bx;
	regs->r[4] = ctx->si;
	regs->r[5] = ctx->di;
	regs->r[6] = ctx->bp;
	regs->r[7] = ctx->sp;
	regs->r[8] = ctx->r8;
	regs->r[9] = ctx->r9;
	regs->r[10] = ctx->r10;
	regs->r[11] = ctx->r11;
	regs->r[12] = ctx->r12;
	regs->r[13] = ctx->r13;
	regs->r[14] = ctx->r14;
	regs->r[15] = ctx->r15;
	regs->r[16] = ctx->ip;
#elif defined(__TARGET_ARCH_arm64)
#pragma unroll
	for (int i = 0; i < 31; i++)
		regs->r[i] = ctx->regs[i];
	regs->r[31] = ctx->sp;
	regs->r[32] = ctx->pc;
#endif
}

static __always_inline __u64 reg(const struct regs *regs, __u32 number)
{
	if (number >= NUM_REGS)
		return 0;
	return regs->r[number];
}

/* Sleepable: unlike bpf_probe_read_user it also reads pages not yet resident. */
static __always_inline int read_user(__u64 *value, __u32 size, __u64 address)
{
	*value = 0;
	/* From 1 to 8, in a way that Linux 6.1 can follow. */
	size = ((size - 1) & 7) + 1;
	return bpf_copy_from_user(value, size, (const void *)address);
}

/*
 * Functions that are not static are verified once, whatever their callers know,
 * instead of once for each call: that is most of what loading the programs takes.
 * Their pointers may be NULL as far as the verifier is concerned.
 */

/*
 * Returns 0, or a negative error number if user memory could not be read. Saved
 * values are those of the operation's frame, or NULL where there is none yet.
 */
__noinline int read_arg(const struct arg *arg, struct regs *regs, const struct frame *saved,
			__u64 *value)
{
	struct passed *passed;
	__u32 loads, size;
	__u64 v, address;
	int err;

	if (!arg || !regs || !value)
		return -1;
	loads = arg->loads;
	size = arg->size;

	switch (arg->kind) {
	case ARG_CONST:
		v = arg->disp;
		break;
	case ARG_REG:
		v = reg(regs, arg->base) >> (arg->right & 63);
		break;
	case ARG_MEM:
	case ARG_INDEXED:
		address = reg(regs, arg->base) + arg->disp;
		if (arg->kind == ARG_INDEXED)
			address += reg(regs, arg->index) << (arg->shift & 63);
		err = read_user(&v, loads ? 8 : size, address);
		if (err)
			return err;
		break;
	case ARG_SAVED:
		if (!saved)
			return -1;
		v = saved->values[arg->base & (MAX_VALUES - 1)];
		break;
	case ARG_ELEMENT:
		err = read_user(&v, 4, reg(regs, arg->base) + arg->offsets[0]);
		if (err)
			return err;
		if ((__s32)v < 0) {
			*value = 0;
			return 0;
		}
		v = reg(regs, arg->base) + arg->disp + v * arg->add;
		break;
	default:
		return -1;
	}
	for (__u32 i = arg->kind == ARG_ELEMENT; i < MAX_LOADS; i++) {
		if (i >= loads)
			break;
		if (!v) {
			*value = 0;
			return 0;
		}
		address = v + arg->offsets[i];
		if (i + 1 == loads) {
			err = read_user(&v, size, address);
			if (err)
				return err;
			break;
		}
		passed = passed_at(regs, address);
		if (passed->at != address) {
			err = read_user(&v, 8, address);
			if (err)
				return err;
			passed->at = address;
			passed->value = v;
		}
		v = passed->value;
	}
	v = extend(v, size, arg->is_signed);
	*value = v && arg->add && arg->kind != ARG_ELEMENT ? v + arg->add : v;
	return 0;
}

/*
 * bpf_copy_from_user_str exists from Linux 6.12 (kernel/bpf/helpers.c).
 * Returns the number of bytes with the NUL, which is always written.
 */
extern int bpf_copy_from_user_str(void *dst, __u32 dst__sz, const void *src,
				  __u64 flags) __weak __ksym;

/* Pages of the longest text and one more; where pages are larger it needs fewer. */
#define PAGE_SIZE	 4096
#define MAX_STRING_PAGES 9

static __always_inline __u64 address_of_page(__u64 address, __u32 i)
{
	return i ? (address & -(__u64)PAGE_SIZE) + i * PAGE_SIZE : address;
}

static __always_inline long read_user_string(char *dst, __u32 size, __u64 address)
{
	char first;
	long n;

	if (bpf_copy_from_user_str)
		return bpf_copy_from_user_str(dst, size, (const void *)address, 0);
	n = bpf_probe_read_user_str(dst, size, (const void *)address);
	/* Not resident: touch its pages one by one, and read again after each. */
	for (int i = 0; i < MAX_STRING_PAGES; i++) {
		if (n >= 0 ||
		    bpf_copy_from_user(&first, 1, (const void *)address_of_page(address, i)))
			break;
		n = bpf_probe_read_user_str(dst, size, (const void *)address);
	}
	/* Of an empty string older kernels return 0 (mm/maccess.c). */
	return n ? n : 1;
}

#endif
