/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a thread waits for: the kernel knows what it does to wait. Where that is
 * no more than that another thread will wake it, and the server has said what
 * for, the server's word counts.
 */
#ifndef SPANBRIDGE_WAIT_BPF_H
#define SPANBRIDGE_WAIT_BPF_H

#define S_IFMT	 0170000
#define S_IFSOCK 0140000
#define S_IFREG	 0100000
#define S_IFBLK	 0060000

/* What a thread does in the kernel. */
struct call {
	long number; /* of the system call; -1: it came by an exception */
	__u64 first, second; /* arguments */
};

static __always_inline struct call call_of(struct task_struct *task)
{
	struct pt_regs___kernel *regs = (struct pt_regs___kernel *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_x86)
	return (struct call){(long)regs->orig_ax, regs->di, regs->si};
#elif defined(__TARGET_ARCH_arm64)
	return (struct call){regs->syscallno, regs->orig_x0, regs->regs[1]};
#endif
}

/*
 * Reads pointers of a task by a helper: a read of such a pointer itself has the
 * verifier search all names of the kernel's types four times, for 2 ms in all
 * (btf_nested_type_is_trusted, kernel/bpf/verifier.c).
 */
static __always_inline struct file *file_of(struct task_struct *task, __u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = 0;

	if (descriptor < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + descriptor);
	return file;
}

static __always_inline __u32 type_of(const struct file *file)
{
	return file ? BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT : 0;
}

static __always_inline enum time_class class_of_file(struct task_struct *task, __u32 descriptor)
{
	switch (type_of(file_of(task, descriptor))) {
	case S_IFSOCK:
		return TIME_NETWORK;
	case S_IFREG:
	case S_IFBLK:
		return TIME_DISK;
	}
	return TIME_OTHER;
}

/* The topmost nodes of the tree of descriptors that are looked at: three levels. */
#define MAX_NODES 7

/*
 * Whether one of the descriptors is a socket. PostgreSQL waits with epoll for all:
 * for its clients with a socket, for locks with a signal and no socket.
 */
static __always_inline bool has_socket(struct file *epoll)
{
	struct rb_node *node[MAX_NODES] = {};
	struct eventpoll *set;
	struct epitem *item;

	if (!epoll)
		return false;
	set = BPF_CORE_READ(epoll, private_data);
	node[0] = BPF_CORE_READ(set, rbr.rb_root.rb_node);
#pragma unroll
	for (int i = 0; i < MAX_NODES; i++) {
		if (!node[i])
			continue;
		item = (void *)node[i] - bpf_core_field_offset(struct epitem, rbn);
		if (type_of(BPF_CORE_READ(item, ffd.file)) == S_IFSOCK)
			return true;
		if (2 * i + 2 < MAX_NODES) {
			node[2 * i + 1] = BPF_CORE_READ(node[i], rb_left);
			node[2 * i + 2] = BPF_CORE_READ(node[i], rb_right);
		}
	}
	return false;
}

/* The class of a wait that has just begun, and whether it is the server that tells it. */
static __always_inline enum time_class class_of_wait(struct task_struct *task, __u8 told,
						     __u8 *covered)
{
	struct call call = call_of(task);
	enum wait_kind kind = WAIT_OTHER;
	enum time_class class = TIME_OTHER;
	__u32 number = call.number;

	*covered = 0;
	opaque(number);
	if (number < NUM_SYSCALLS)
		kind = wait_kinds[number & (NUM_SYSCALLS - 1)];
	if (kind == WAIT_SYNC)
		return TIME_SYNC;
	/* Also page faults that have to read. */
	if (BPF_CORE_READ_BITFIELD(task, in_iowait))
		return TIME_DISK;
	switch (kind) {
	case WAIT_SLEEP:
		return TIME_SLEEP;
	case WAIT_DISK:
		return TIME_DISK;
	case WAIT_NETWORK:
		return TIME_NETWORK;
	case WAIT_FILE:
		return class_of_file(task, call.first);
	case WAIT_LOCK:
		class = TIME_LOCK;
		break;
	case WAIT_SELECT:
		class = call.first ? TIME_NETWORK : TIME_SLEEP;
		break;
	case WAIT_POLL:
		class = call.second ? TIME_NETWORK : TIME_SLEEP;
		break;
	case WAIT_EPOLL:
		class = has_socket(file_of(task, call.first)) ? TIME_NETWORK : TIME_OTHER;
		break;
	default:
		return TIME_OTHER;
	}
	if (!told)
		return class;
	*covered = 1;
	return told - 1;
}

#endif
