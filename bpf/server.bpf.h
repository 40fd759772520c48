/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The server that a process works for. Where each session is a process of its
 * own, as in PostgreSQL, all are forked from one process, which is the server.
 */
#ifndef SPANBRIDGE_SERVER_BPF_H
#define SPANBRIDGE_SERVER_BPF_H

#define MAX_ANCESTORS 4

/*
 * The process farthest up from the current one that runs the same executable,
 * without another one between them: who starts a server runs something else.
 * It is found as long as it lives; a child that outlives it is on its own.
 */
__noinline __u32 server_tgid(void)
{
	struct task_struct *task = bpf_get_current_task_btf(), *parent;
	struct inode *executable = task->mm->exe_file->f_inode;

	for (int i = 0; i < MAX_ANCESTORS; i++) {
		parent = task->real_parent;
		if (!executable || parent->mm->exe_file->f_inode != executable)
			break;
		task = parent;
	}
	return task->tgid;
}

#endif
