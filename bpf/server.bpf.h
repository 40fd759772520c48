/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The server that a process works for. Where each session is a process of its
 * own, as in PostgreSQL, all are forked from one process, which is the server.
 */
#ifndef SPANBRIDGE_SERVER_BPF_H
#define SPANBRIDGE_SERVER_BPF_H

#include <bpf/bpf_core_read.h>

#define MAX_ANCESTORS 4

/*
 * Read, and not followed as a typed pointer: for every step of one the verifier
 * searches the names of all of the kernel's types, which takes it milliseconds.
 */
static __always_inline struct inode *executable_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, mm, exe_file, f_inode);
}

/*
 * The process farthest up from the current one that runs the same executable,
 * without another one between them: who starts a server runs something else.
 * It is found as long as it lives; a child that outlives it is on its own.
 */
__noinline __u32 server_tgid(void)
{
	struct task_struct *task = bpf_get_current_task_btf(), *parent;
	struct inode *executable = executable_of(task);

	for (int i = 0; i < MAX_ANCESTORS; i++) {
		parent = BPF_CORE_READ(task, real_parent);
		if (!executable || executable_of(parent) != executable)
			break;
		task = parent;
	}
	return BPF_CORE_READ(task, tgid);
}

/* Enters for which server the current thread works, once. */
static __always_inline void enter_server(struct thread *thread, const struct spec *spec)
{
	if (!thread->tgid)
		thread->tgid = spec->flags & SPEC_FORKS ? server_tgid()
							: bpf_get_current_pid_tgid() >> 32;
}

#endif
