/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel types and constants that the programs use, and only the fields
 * that they read: CO-RE relocates those marked preserve_access_index.
 * Values are the kernel's stable ones from include/uapi/linux/bpf.h.
 */
#ifndef SPANBRIDGE_VMLINUX_H
#define SPANBRIDGE_VMLINUX_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
};

#define EAGAIN 11

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
/* struct user_pt_regs of arch/arm64/include/uapi/asm/ptrace.h */
struct pt_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
};
#endif

/* What the kernel has beside those of user space. */
struct pt_regs___kernel {
#if defined(__TARGET_ARCH_x86)
	unsigned long orig_ax, di, si;
#elif defined(__TARGET_ARCH_arm64)
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
#endif
} __attribute__((preserve_access_index));

struct inode {
	__u16 i_mode;
} __attribute__((preserve_access_index));

struct file {
	struct inode *f_inode;
	void *private_data;
} __attribute__((preserve_access_index));

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} __attribute__((preserve_access_index));

struct files_struct {
	struct fdtable *fdt;
} __attribute__((preserve_access_index));

struct rb_node {
	struct rb_node *rb_right, *rb_left;
} __attribute__((preserve_access_index));

struct rb_root {
	struct rb_node *rb_node;
} __attribute__((preserve_access_index));

struct rb_root_cached {
	struct rb_root rb_root;
} __attribute__((preserve_access_index));

/* fs/eventpoll.c */
struct eventpoll {
	struct rb_root_cached rbr;
} __attribute__((preserve_access_index));

struct epoll_filefd {
	struct file *file;
} __attribute__((preserve_access_index));

struct epitem {
	struct rb_node rbn;
	struct epoll_filefd ffd;
} __attribute__((preserve_access_index));

struct sched_info {
	unsigned long long run_delay, last_arrival;
} __attribute__((preserve_access_index));

struct bpf_local_storage;

struct mm_struct {
	struct file *exe_file;
} __attribute__((preserve_access_index));

struct thread_info {
	unsigned long flags;
#if defined(__TARGET_ARCH_x86)
	unsigned int status;
#endif
} __attribute__((preserve_access_index));

struct task_struct {
	struct thread_info thread_info;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct files_struct *files;
	struct sched_info sched_info;
	unsigned int in_iowait : 1;
	unsigned long nvcsw, nivcsw, min_flt, maj_flt;
	struct bpf_local_storage *bpf_storage;
	char comm[16];
} __attribute__((preserve_access_index));

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#endif
