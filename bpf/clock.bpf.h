/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The clock of a thread: how much time it has spent with what. It runs while an
 * operation is open. The scheduler's tracepoint keeps it (bpf/switch.bpf.h);
 * where an operation begins and ends it is read, and the difference is what the
 * operation took. Time on the CPU is counted by itself and not as what the
 * others leave over, so that the sum tells whether anything was missed.
 *
 * The tracepoint writes it only while the thread is not running, so the thread
 * reads it without a lock.
 */
#ifndef SPANBRIDGE_CLOCK_BPF_H
#define SPANBRIDGE_CLOCK_BPF_H

/* 0: nobody wants to know, and nothing calls the tracepoint's program. */
const volatile __u32 attribution = 0;

/* Waits from this length on are told one by one. */
const volatile __u64 wait_threshold_ns = 1000000;

struct reading {
	struct times times;
	__u32 lost, waits;
};

struct clock {
	__u64 ns[NUM_TIMES];
	__u64 since_ns; /* when the thread began what it does now */
	/* The last wait, as long as it is not settled. */
	__u64 wait_start_ns, wait_ns;
	__u64 run_delay; /* of the scheduler's account, when the wait began */
	__u64 offset;	 /* of this clock to that of the scheduler; 0: not known yet */
	__u32 switches;	 /* times it left the CPU */
	__u32 lost;	 /* comings and goings that were not seen */
	__u32 waits;	 /* told, of which wait has the first */
	__u16 depth;	 /* of the wait below the record's operation; 0: there is no record */
	__u8 away;	 /* not on the CPU */
	__u8 class;	 /* of the wait */
	__u8 settled;
	__u8 covered; /* the server tells of the wait */
	__u8 told;    /* what the thread waits for inside of the open operation, plus 1 */
	__u8 pad;
	struct reading begin[MAX_LEVELS]; /* of operations with a record */
	struct reading end;
	struct times spent; /* the difference */
	struct entry wait[MAX_WAITS];
};

/* The scheduler's account; without CONFIG_SCHED_INFO there is none. */
static __always_inline __u64 run_delay_of(const struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info) ? task->sched_info.run_delay : 0;
}

static __always_inline __u64 last_arrival_of(const struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info) ? task->sched_info.last_arrival : 0;
}

static __always_inline void list_wait(struct clock *clock, __u16 class, __u64 start_ns, __u64 ns)
{
	__u32 n = clock->waits;
	struct entry *wait;

	if (ns < wait_threshold_ns || !clock->depth)
		return;
	clock->waits = n + 1;
	if (n >= MAX_WAITS)
		return;
	opaque(n);
	wait = &clock->wait[n & (MAX_WAITS - 1)];
	wait->op = class;
	wait->flags = 0;
	wait->depth = clock->depth;
	wait->start_ns = start_ns;
	wait->duration_ns = ns;
	wait->value = 0;
}

/*
 * A wait ends when the thread is woken, and then it may wait for a CPU. The
 * scheduler accounts that only after its tracepoint (prepare_task_switch,
 * kernel/sched/core.c), so the two are told apart when the thread runs.
 */
static __always_inline void settle(struct clock *clock, const struct task_struct *task)
{
	__u64 start_ns = clock->wait_start_ns, ns = clock->wait_ns;
	__u64 queued = run_delay_of(task) - clock->run_delay;
	__u32 class = clock->class;

	if (clock->settled)
		return;
	clock->settled = 1;
	clock->offset = clock->since_ns - last_arrival_of(task);
	if (queued > ns || class == TIME_RUN_QUEUE)
		queued = ns;
	opaque(class);
	clock->ns[class & (NUM_TIMES - 1)] -= queued;
	clock->ns[TIME_RUN_QUEUE] += queued;
	if (!clock->covered)
		list_wait(clock, class, start_ns, ns - queued);
	list_wait(clock, TIME_RUN_QUEUE, start_ns + ns - queued, queued);
}

/* The thread runs again: what it did since it left was the wait. */
static __always_inline void come_back(struct clock *clock, __u64 now_ns)
{
	__u64 ns = now_ns - clock->since_ns;
	__u32 class = clock->class;

	opaque(class);
	clock->ns[class & (NUM_TIMES - 1)] += ns;
	clock->wait_start_ns = clock->since_ns;
	clock->wait_ns = ns;
	clock->since_ns = now_ns;
	clock->settled = 0;
	clock->away = 0;
}

/*
 * The thread runs, and was not seen to come back: a kernel may keep switches from
 * some threads to itself, those of a hypervisor's agent. The scheduler's account
 * has when that was.
 */
static __always_inline void catch_up(struct clock *clock, const struct task_struct *task,
				     __u64 now_ns)
{
	__u64 arrival_ns = last_arrival_of(task) + clock->offset;

	if (!clock->away)
		return;
	if (clock->offset && arrival_ns >= clock->since_ns && arrival_ns <= now_ns) {
		come_back(clock, arrival_ns);
		return;
	}
	clock->lost++;
	clock->away = 0;
	clock->since_ns = now_ns;
}

/* Reads the clock of the current thread as of a moment since its last switch. */
__noinline int read_clock(struct clock *clock, struct reading *r, __u64 now_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!clock || !r)
		return 0;
	catch_up(clock, task, now_ns);
	settle(clock, task);
	for (int i = 0; i < NUM_TIMES; i++)
		r->times.ns[i] = clock->ns[i];
	r->times.ns[TIME_CPU] += now_ns - clock->since_ns;
	r->times.minor_faults = task->min_flt;
	r->times.major_faults = task->maj_flt;
	r->times.voluntary = task->nvcsw;
	r->times.involuntary = task->nivcsw;
	r->lost = clock->lost;
	r->waits = clock->waits;
	return 0;
}

/*
 * Reads it where an operation begins, which is now unless it really began earlier:
 * then the time since was spent on the CPU, as far as the thread was not switched.
 * Returns the time that it read.
 */
__noinline __u64 begin_clock(struct clock *clock, __u32 level, __u64 real_start_ns)
{
	struct reading *r;
	__u64 now_ns = 0, from;
	__u32 n;

	if (!clock || level >= MAX_LEVELS)
		return bpf_ktime_get_ns();
	opaque(level);
	r = &clock->begin[level & (MAX_LEVELS - 1)];
	/* Again, if the thread was switched in between. */
	for (int i = 0; i < 2; i++) {
		n = clock->switches;
		now_ns = bpf_ktime_get_ns();
		if (!clock->since_ns)
			clock->since_ns = now_ns;
		read_clock(clock, r, now_ns);
		if (clock->switches == n)
			break;
	}
	if (!level)
		r->waits = clock->waits = 0;
	if (real_start_ns && real_start_ns < now_ns) {
		from = real_start_ns > clock->since_ns ? real_start_ns : clock->since_ns;
		r->times.ns[TIME_CPU] -= now_ns - from;
	}
	return now_ns;
}

/* An operation of that level begins that has no times: none of the waits are its own. */
static __always_inline void begin_waits(struct clock *clock, __u32 level)
{
	if (level >= MAX_LEVELS)
		return;
	opaque(level);
	clock->begin[level & (MAX_LEVELS - 1)].waits = clock->waits;
}

/* Those of an operation that has ended have gone with its record. */
static __always_inline void forget_waits(struct clock *clock, __u32 level)
{
	if (level >= MAX_LEVELS)
		return;
	opaque(level);
	clock->waits = clock->begin[level & (MAX_LEVELS - 1)].waits;
}

/*
 * What was spent since an operation of that level began, until the clock was read
 * at its end. Returns whether that is known.
 */
__noinline int spend(struct clock *clock, __u32 level)
{
	const struct reading *begin, *end;
	struct times *spent;
	__s64 ns;

	if (!clock)
		return 0;
	spent = &clock->spent;
	if (!attribution || level >= MAX_LEVELS)
		goto unknown;
	opaque(level);
	begin = &clock->begin[level & (MAX_LEVELS - 1)];
	end = &clock->end;
	if (begin->lost != end->lost)
		goto unknown;
	for (int i = 0; i < NUM_TIMES; i++) {
		ns = end->times.ns[i] - begin->times.ns[i];
		spent->ns[i] = ns > 0 ? ns : 0;
	}
	spent->minor_faults = end->times.minor_faults - begin->times.minor_faults;
	spent->major_faults = end->times.major_faults - begin->times.major_faults;
	spent->voluntary = end->times.voluntary - begin->times.voluntary;
	spent->involuntary = end->times.involuntary - begin->times.involuntary;
	return 1;
unknown:
	__builtin_memset(spent, 0, sizeof(*spent));
	return 0;
}

#endif
