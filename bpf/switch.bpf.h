/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Threads that leave the CPU and come back: what keeps the clocks of those with
 * an open operation. It is called at every switch of the machine, so that of
 * others it must be short.
 */
#ifndef SPANBRIDGE_SWITCH_BPF_H
#define SPANBRIDGE_SWITCH_BPF_H

/* Since Linux 6.2 (kernel/bpf/helpers.c), and not a call: the verifier takes it away. */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __weak __ksym;

/*
 * Reading the field spares a call for most threads of the machine: they have no
 * storage of any kind. It is read by a pointer that the verifier is not to trust,
 * for the reason that is given at file_of.
 */
static __always_inline struct thread *thread_of(struct task_struct *task)
{
	const struct task_struct *plain = task;

	if (bpf_rdonly_cast)
		plain = bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct));
	if (!plain->bpf_storage)
		return 0;
	return bpf_task_storage_get(&threads, task, 0, 0);
}

static __always_inline void leave(struct thread *thread, struct task_struct *task, bool ready,
				  __u64 now_ns)
{
	struct clock *clock = &thread->clock;

	catch_up(clock, task, now_ns);
	settle(clock, task);
	clock->ns[TIME_CPU] += now_ns - clock->since_ns;
	clock->since_ns = now_ns;
	clock->switches++;
	clock->away = 1;
	clock->covered = 0;
	clock->class = ready ? TIME_RUN_QUEUE : class_of_wait(task, clock->told, &clock->covered);
	clock->run_delay = run_delay_of(task);
	clock->depth = thread->level ? thread->depth - thread->owner + 1 : 0;
}

static __always_inline void enter(struct thread *thread, __u64 now_ns)
{
	struct clock *clock = &thread->clock;

	if (thread->depth && clock->away) {
		come_back(clock, now_ns);
		return;
	}
	if (thread->depth)
		clock->lost++; /* it was not seen to leave */
	clock->away = 0;
	clock->since_ns = now_ns;
}

/* (bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state) */
static __always_inline int on_switch(__u64 *ctx)
{
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	struct thread *thread = thread_of(prev);
	__u64 now_ns = 0;

	if (thread && thread->depth) {
		now_ns = bpf_ktime_get_ns();
		/* One that is pre-empted may be about to wait, and does not yet. */
		leave(thread, prev, ctx[0] || !ctx[3], now_ns);
	}
	thread = thread_of(next);
	if (thread)
		enter(thread, now_ns ?: bpf_ktime_get_ns());
	return 0;
}

#endif
