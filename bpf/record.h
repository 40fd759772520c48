/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Layouts shared with user space: what it tells the programs (struct spec,
 * struct op_config) and what they send back (struct event, struct entry,
 * struct histogram, struct op_counters, struct times). layout_test.go holds them against the
 * Go side through BTF. Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef SPANBRIDGE_RECORD_H
#define SPANBRIDGE_RECORD_H

#define MAX_VALUES     16  /* integer captures of an operation */
#define MAX_STRINGS    6   /* string captures of an operation */
#define MAX_CAPTURES   16  /* captures at one site */
#define MAX_LOADS      4   /* pointer loads behind an argument */
#define MAX_DEPTH      16  /* open operations of a thread */
#define MAX_LEVELS     4   /* nested operations with a record buffer; a power of two */
#define MAX_ENTRIES    64  /* inner operations inside a record */
#define KERNEL_ENTRIES 32  /* while fewer are there the kernel's are added, too */
#define MAX_CLASSES    12  /* classes of inner operations beyond those */
#define MORE_VALUES    4   /* integers of an entry beside its value */
#define MAX_DETAILS    4   /* inner operations of a record of which details are told; a power of two */
#define DETAIL_VALUES  6   /* integers of a detail */
#define DETAIL_NAMES   4   /* names of a detail; a power of two */
#define NAME_SIZE      160 /* bytes of a name, with its NUL */
#define MAX_OPS	       256 /* operations at a time */
#define MAX_KEYS       2   /* values by which an end finds its start */
#define MAX_STRING     256 /* bytes of one string, with its NUL */
#define STRINGS_SIZE   1024 /* bytes of all strings of a record */
#define TAIL_SIZE      512 /* bytes kept from the end of a long text */
#define NAMESPACE_SIZE 64
#define BY_VALUES      2   /* integers in the histogram's key, in the last words of its namespace */
#define MAX_SUMS       8   /* values of an operation that are added up */
#define PREFIX_SIZE    24  /* bytes of op_config.prefix */
#define JOIN_NS	       1000000 /* between the parts of an inner operation that goes on */
#define MAX_WAITS      16 /* of a thread's operations, that are told one by one */
#define MAX_TOLD       16 /* values of an inner operation that tell what it waits for */

#define SUB_BITS     3
#define FIRST_OCTAVE 10
#define NUM_OCTAVES  27
#define NUM_BUCKETS  (NUM_OCTAVES * (1 << SUB_BITS) + 2)

/* How a value is found when a site is hit; registers by DWARF number. */
enum arg_kind {
	ARG_NONE,
	ARG_CONST,   /* disp */
	ARG_REG,     /* base */
	ARG_MEM,     /* *(base + disp) */
	ARG_INDEXED, /* *(base + (index << shift) + disp) */
	ARG_SAVED,   /* the operation's value number base */
	/*
	 * base + disp + index * add, where index is the signed 32-bit number at
	 * base + offsets[0], the first load; 0 where it is negative.
	 */
	ARG_ELEMENT,
	/* At probes of the kernel, whose programs have all arguments in their context: */
	ARG_CONTEXT,  /* size bytes at disp in the context, 8 if loads follow */
	ARG_INSIDE,   /* the address of disp in the context */
	ARG_DATA_LOC, /* the address of a string that a 32-bit number at disp tells */
	ARG_TASK,     /* the current struct task_struct */
	ARG_FILE,     /* the struct file of the descriptor that a number at disp is */
};

struct arg {
	__u8 kind;
	__u8 size; /* bytes: 1, 2, 4 or 8 */
	__u8 is_signed;
	__u8 shift;	  /* log2 of the index's scale */
	__u8 base, index; /* registers */
	__u8 right;	  /* bits by which a register is shifted: %ah is 8; in the kernel the value */
	__u8 loads;	  /* how many of offsets to follow */
	__s64 disp;
	/*
	 * Each: value = *(void **)(value + offset); the last one reads size bytes.
	 * NULL on the way gives 0.
	 */
	__s32 offsets[MAX_LOADS];
	__s32 add; /* to the last value, unless that is NULL */
	/* Bit n: load n is from memory of the process; bit loads: a string is there. */
	__u8 user;
	__u8 bits; /* in the kernel: how many of the value are kept, 0: all */
	__u8 pad[2];
};

enum capture_type {
	CAPTURE_INT,
	CAPTURE_STRING,
	CAPTURE_TEXT,
	CAPTURE_TIME,	   /* an integer: the time of the hit */
	CAPTURE_ATTRIBUTE, /* a string: MySQL's query attribute "traceparent" */
	CAPTURE_BYTES,	   /* a string of max bytes, of as many as length tells if that is less */
	CAPTURE_NAME,	   /* of a detail: a string */
	CAPTURE_KEY,	   /* of a detail: NAME_SIZE bytes */
};

enum capture_flags {
	CAPTURE_EQUALS = 1 << 0, /* an integer: 1 if it equals max, else 0 */
	CAPTURE_FIRST = 1 << 1,	 /* only while it is 0, or empty */
	CAPTURE_ERRNO = 1 << 3,	 /* an integer: what a negative one stands for, else 0 */
	CAPTURE_END = 1 << 2,	 /* bytes: length is the address where they end */
	CAPTURE_SOLE = 1 << 4,	 /* an integer of a detail: -1 once two hits told different ones */
	CAPTURE_SAME = 1 << 5,	 /* an integer of a detail: 1 if length gives the same, else 0 */
};

enum capture_role {
	ROLE_NONE,
	ROLE_NAMESPACE, /* also part of the histogram's key */
	ROLE_FAILED,	/* not zero: failed */
	ROLE_ERROR,	/* not zero: failed with this number */
	ROLE_START,	/* not zero: when the operation really began */
};

struct capture {
	struct arg arg;
	struct arg length; /* of a text; ARG_NONE: it ends with a NUL. Of attributes: their number. See CAPTURE_SAME */
	__u64 when;	   /* guard values at which to capture, 0: all */
	__u8 type, slot, role, flags;
	__u16 max; /* bytes of a string, with its NUL */
	__u8 needs; /* the slot plus 1 of a value without which it is not captured */
	__u8 pad;
};

enum spec_flags {
	SPEC_ONLY_TARGETS = 1 << 0,
	SPEC_NOTE = 1 << 1,	  /* captures into the open operation, which goes on */
	SPEC_LAST_NOTE = 1 << 2,  /* a note after which SPEC_AFTER_NOTE ends it */
	SPEC_AFTER_NOTE = 1 << 3, /* no end of an operation without that note */
	/*
	 * The operation begins here, if a start or an end follows. A note of an inner
	 * operation: what notes told before is not of what follows.
	 */
	SPEC_ANNOUNCES = 1 << 4,
	SPEC_OPTIONAL = 1 << 5,	  /* an end that comes without a start too */
	SPEC_FORKS = 1 << 6,	  /* sessions are processes that the server forked */
	SPEC_TRUTH = 1 << 7,	  /* the guard is 1 for whatever is not 0 */
	SPEC_TENTATIVE = 1 << 8,  /* the operation begins here, if an end follows */
	SPEC_ARMED = 1 << 9,	  /* at probes of the kernel: hits count */
	SPEC_OWNER = 1 << 10,	  /* there: owner tells whose the operation is */
	SPEC_SETTLES = 1 << 11,	  /* there, of an end: only now is it known whose */
	SPEC_CHILDREN = 1 << 12,  /* there: what a target started counts as one */
};

/* What to do at one site. */
struct spec {
	__u16 op, flags;
	__u16 captures, early; /* those needed to decide whether a record is sent come first */
	/*
	 * Bit n: guard value n opens the operation; 0: no guard. Of a note of an inner
	 * operation: bit n: it holds for those of value n.
	 */
	__u64 when;
	struct arg guard;
	struct arg given; /* ARG_NONE, or a hit counts only where this is not 0 */
	__u16 needs;	  /* an end: the slot plus 1 of a value without which it is a note */
	__u16 when_base;  /* taken from the guard value; those of starts begin at 0 */
	__u32 pad;
	struct arg key[MAX_KEYS]; /* at probes of the kernel: by what an end finds its start */
	struct arg owner;	  /* there: a struct task_struct; 0: nobody's */
	struct capture capture[MAX_CAPTURES]; /* a text comes last */
};

/* What holds for an operation wherever it is seen. */
struct op_config {
	__u64 min_ns;	/* shorter ones are counted only, unless they failed */
	__u32 sample;	/* kept if a random number is not above it */
	__u8 is_inline; /* rides inside the record of the operation around it */
	__u8 recursive; /* may nest in itself */
	__u8 class;	/* < MAX_CLASSES */
	__u8 family;	/* the same for all tiers of an operation */
	/*
	 * An end without a start belongs to one more of the same kind, which began
	 * when the one before ended: further statements of a packet.
	 */
	__u8 follows;
	__u8 sequence; /* inline: each start ends the one before, as stages do */
	__u8 shields;  /* while it is open, what is around it does not end */
	__u8 prefix_length;
	__u16 kept; /* values, by slot, that those which follow have too */
	__u8 detailed, pad; /* inline: notes tell details of it */
	/*
	 * Inline: bit n: one of value n that begins within JOIN_NS after the end of the
	 * one before goes on with it.
	 */
	__u64 joins;
	/* Of a text, in small letters: a record is sent whatever is filtered. */
	char prefix[PREFIX_SIZE];
	/* Of operations at probes of the kernel: */
	__u8 keyed;	  /* an end finds its start by key, else by the thread */
	__u8 slot;	  /* where a thread keeps it, if it is not keyed */
	__u8 of_host;	  /* metrics do not tell processes apart */
	__u8 conditional; /* starts may be refused: an end without a start is unwanted */
	__u8 to_exit;	  /* it ends where a thread exits */
	/* Captures that are in the histogram's key, by slot plus 1, or 0. */
	__u8 error, by_string;
	__u8 by_value[BY_VALUES];
	__u8 thread_name; /* the string that the thread's name is, by slot plus 1, or 0 */
	__u8 apart; /* it nests in no others, and no others in it */
	__u8 only;  /* such a one sends a record only if this is not 0: a slot plus 1, or 0 */
	__u8 sums[MAX_SUMS]; /* at probes of the kernel: values to add up, by slot plus 1, or 0 */
	__u8 unused[4];
	/* Inline: what the thread waits for inside of it, by its value: enum time_class plus 1, or 0. */
	__u8 told[MAX_TOLD];
};

enum event_flags {
	EVENT_FAILED = 1 << 0,
	EVENT_TEXT_CUT = 1 << 1,
	EVENT_TEXT_FAULT = 1 << 2,
	EVENT_FAULT = 1 << 3,
	EVENT_NO_TEXT = 1 << 4,
	EVENT_HAS_TEXT = 1 << 5,
	EVENT_UNCHOSEN = 1 << 6,
	EVENT_TIMED = 1 << 7, /* times is known */
	EVENT_UNFINISHED = 1 << 8, /* it has not ended: also of an entry */
};

/* What a thread spends its time with; together they are all of it. */
enum time_class {
	TIME_CPU,
	TIME_RUN_QUEUE, /* it could run, and other threads did */
	TIME_LOCK,
	TIME_DISK,
	TIME_SYNC, /* until what was written is on disk */
	TIME_NETWORK,
	TIME_SLEEP,
	TIME_OTHER,
	NUM_TIMES,
};

struct times {
	__u64 ns[NUM_TIMES];
	__u32 minor_faults, major_faults;
	__u32 voluntary, involuntary; /* times that it left the CPU, to wait or for another one */
};

/* A finished inner operation. */
struct entry {
	__u16 op, flags, depth;
	__u16 wide; /* in place of the entry behind it there is struct more */
	__u64 start_ns, duration_ns, value;
};

/*
 * Of an inner operation at probes of the kernel: the integers behind its value. It has the
 * size of an entry.
 */
struct more {
	__u64 values[MORE_VALUES];
};

struct wide_entry {
	struct entry entry;
	struct more more;
};

/* Where a string lies in an event's data, or a name in a detail; length without its NUL. */
struct span_string {
	__u16 offset, length;
};

/* What notes tell of an inner operation: of the entry with the same start. */
struct detail {
	__u64 start_ns;
	__u64 values[DETAIL_VALUES]; /* the first of the operation's slots */
	struct span_string names[DETAIL_NAMES];
	__u32 used, pad; /* bytes of text */
	char text[2 * NAME_SIZE];
};

/*
 * A finished operation, or with EVENT_UNFINISHED an open one. The data behind it holds
 * strings, then head and tail of the text, then entries, then details; used is where the
 * next item goes.
 */
struct event {
	__u64 start_ns, end_ns;
	__u32 tgid, tid;
	__u32 seq, parent_seq;
	__u16 op, flags;
	__u16 entries, text_offset;
	__u32 text_length; /* the true one, 0 if unknown */
	__u16 head, tail;  /* bytes of text in data */
	__u32 used;
	__u8 command, before; /* guard values of this start and the one before, or 255 */
	__u8 details;
	__u8 now; /* of an open one: what its thread is at, enum time_class plus 1; 0: unknown */
	/* Inner operations without an entry, by class; of what is apart, the first: what was done meanwhile. */
	__u32 rest_count[MAX_CLASSES];
	__u64 rest_ns[MAX_CLASSES];
	__u64 values[MAX_VALUES];
	struct span_string strings[MAX_STRINGS];
	struct times times;
	__u16 waits;   /* entries behind the others: waits, of which op is the class */
	__u16 unlisted; /* waits that found no room */
	__u32 apart_seq; /* of the operation apart that is open meanwhile and has a record, or 0 */
	/* followed by data */
};

enum counter {
	COUNT_STARTS,
	COUNT_DONES,
	COUNT_POINTS,
	COUNT_PAIRED,
	COUNT_REPLACED,	  /* begun anew, or its surroundings ended, without an end */
	COUNT_OVERFLOW,	  /* nested deeper than MAX_DEPTH */
	COUNT_NO_STORAGE, /* no memory for the thread's state */
	COUNT_ABANDONED,  /* the thread ended */
	COUNT_NO_START,
	COUNT_OUTSIDE, /* inner operation with nothing around it: not counted as start or done */
	COUNT_FILTERED,
	COUNT_SAMPLED,
	COUNT_INLINED, /* carried by the record of the operation around it */
	COUNT_RING_FULL,
	COUNT_KERNEL_ERRORS,
	COUNT_SUBMITTED,
	COUNT_HISTOGRAM_LOST, /* no room for one more series */
	COUNT_UNWANTED,	      /* ends of what was not to be opened, or inside what shields: not dones */
	COUNT_NOTES,
	COUNT_UNTIMED, /* not known what its time was spent with */
	COUNT_UNFINISHED, /* abandoned, and a record tells of it */
	NUM_COUNTERS,
};

struct op_counters {
	__u64 n[NUM_COUNTERS];
};

struct histogram_key {
	__u16 op, failed;
	__u32 tgid, status;
	__u32 by; /* of what is apart: the value of by_value */
	__u64 namespace[NAMESPACE_SIZE / 8]; /* text, ended by NULs */
};

struct histogram {
	__u64 count, sum_ns;
	__u64 buckets[NUM_BUCKETS];
	__u64 time_ns[NUM_TIMES]; /* parts of sum_ns, where they are known */
	__u64 sums[MAX_SUMS];	  /* of the values that op_config.sums names */
};

#endif
