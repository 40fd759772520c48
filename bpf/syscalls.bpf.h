/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What threads wait for in system calls, by their numbers in asm/unistd.h. */
#ifndef SPANBRIDGE_SYSCALLS_BPF_H
#define SPANBRIDGE_SYSCALLS_BPF_H

enum wait_kind {
	WAIT_OTHER,
	WAIT_LOCK,
	WAIT_SYNC,
	WAIT_SLEEP,
	WAIT_DISK,
	WAIT_NETWORK,
	WAIT_FILE,   /* whatever the descriptor is: the first argument */
	WAIT_SELECT, /* of as many descriptors as the first argument says */
	WAIT_POLL,   /* of as many as the second one says */
	WAIT_EPOLL,  /* of those that the descriptor has: the first argument */
};

#define NUM_SYSCALLS 512 /* a power of two */

static const __u8 wait_kinds[NUM_SYSCALLS] = {
#if defined(__TARGET_ARCH_x86)
	[202] = WAIT_LOCK,    /* futex */
	[65] = WAIT_LOCK,     /* semop */
	[220] = WAIT_LOCK,    /* semtimedop */
	[72] = WAIT_LOCK,     /* fcntl */
	[73] = WAIT_LOCK,     /* flock */
	[74] = WAIT_SYNC,     /* fsync */
	[75] = WAIT_SYNC,     /* fdatasync */
	[277] = WAIT_SYNC,    /* sync_file_range */
	[26] = WAIT_SYNC,     /* msync */
	[162] = WAIT_SYNC,    /* sync */
	[306] = WAIT_SYNC,    /* syncfs */
	[35] = WAIT_SLEEP,    /* nanosleep */
	[230] = WAIT_SLEEP,   /* clock_nanosleep */
	[2] = WAIT_DISK,      /* open */
	[257] = WAIT_DISK,    /* openat */
	[77] = WAIT_DISK,     /* ftruncate */
	[285] = WAIT_DISK,    /* fallocate */
	[87] = WAIT_DISK,     /* unlink */
	[263] = WAIT_DISK,    /* unlinkat */
	[82] = WAIT_DISK,     /* rename */
	[208] = WAIT_DISK,    /* io_getevents */
	[333] = WAIT_DISK,    /* io_pgetevents */
	[42] = WAIT_NETWORK,  /* connect */
	[43] = WAIT_NETWORK,  /* accept */
	[288] = WAIT_NETWORK, /* accept4 */
	[44] = WAIT_NETWORK,  /* sendto */
	[45] = WAIT_NETWORK,  /* recvfrom */
	[46] = WAIT_NETWORK,  /* sendmsg */
	[47] = WAIT_NETWORK,  /* recvmsg */
	[299] = WAIT_NETWORK, /* recvmmsg */
	[307] = WAIT_NETWORK, /* sendmmsg */
	[40] = WAIT_NETWORK,  /* sendfile */
	[0] = WAIT_FILE,      /* read */
	[1] = WAIT_FILE,      /* write */
	[3] = WAIT_FILE,      /* close */
	[17] = WAIT_FILE,     /* pread64 */
	[18] = WAIT_FILE,     /* pwrite64 */
	[19] = WAIT_FILE,     /* readv */
	[20] = WAIT_FILE,     /* writev */
	[295] = WAIT_FILE,    /* preadv */
	[296] = WAIT_FILE,    /* pwritev */
	[327] = WAIT_FILE,    /* preadv2 */
	[328] = WAIT_FILE,    /* pwritev2 */
	[23] = WAIT_SELECT,   /* select */
	[270] = WAIT_SELECT,  /* pselect6 */
	[7] = WAIT_POLL,      /* poll */
	[271] = WAIT_POLL,    /* ppoll */
	[232] = WAIT_EPOLL,   /* epoll_wait */
	[281] = WAIT_EPOLL,   /* epoll_pwait */
#elif defined(__TARGET_ARCH_arm64)
	[98] = WAIT_LOCK,     /* futex */
	[193] = WAIT_LOCK,    /* semop */
	[192] = WAIT_LOCK,    /* semtimedop */
	[25] = WAIT_LOCK,     /* fcntl */
	[32] = WAIT_LOCK,     /* flock */
	[82] = WAIT_SYNC,     /* fsync */
	[83] = WAIT_SYNC,     /* fdatasync */
	[84] = WAIT_SYNC,     /* sync_file_range */
	[227] = WAIT_SYNC,    /* msync */
	[81] = WAIT_SYNC,     /* sync */
	[267] = WAIT_SYNC,    /* syncfs */
	[101] = WAIT_SLEEP,   /* nanosleep */
	[115] = WAIT_SLEEP,   /* clock_nanosleep */
	[56] = WAIT_DISK,     /* openat */
	[46] = WAIT_DISK,     /* ftruncate */
	[47] = WAIT_DISK,     /* fallocate */
	[35] = WAIT_DISK,     /* unlinkat */
	[38] = WAIT_DISK,     /* renameat */
	[276] = WAIT_DISK,    /* renameat2 */
	[4] = WAIT_DISK,      /* io_getevents */
	[292] = WAIT_DISK,    /* io_pgetevents */
	[203] = WAIT_NETWORK, /* connect */
	[202] = WAIT_NETWORK, /* accept */
	[242] = WAIT_NETWORK, /* accept4 */
	[206] = WAIT_NETWORK, /* sendto */
	[207] = WAIT_NETWORK, /* recvfrom */
	[211] = WAIT_NETWORK, /* sendmsg */
	[212] = WAIT_NETWORK, /* recvmsg */
	[243] = WAIT_NETWORK, /* recvmmsg */
	[269] = WAIT_NETWORK, /* sendmmsg */
	[71] = WAIT_NETWORK,  /* sendfile */
	[63] = WAIT_FILE,     /* read */
	[64] = WAIT_FILE,     /* write */
	[57] = WAIT_FILE,     /* close */
	[67] = WAIT_FILE,     /* pread64 */
	[68] = WAIT_FILE,     /* pwrite64 */
	[65] = WAIT_FILE,     /* readv */
	[66] = WAIT_FILE,     /* writev */
	[69] = WAIT_FILE,     /* preadv */
	[70] = WAIT_FILE,     /* pwritev */
	[286] = WAIT_FILE,    /* preadv2 */
	[287] = WAIT_FILE,    /* pwritev2 */
	[72] = WAIT_SELECT,   /* pselect6 */
	[73] = WAIT_POLL,     /* ppoll */
	[22] = WAIT_EPOLL,    /* epoll_pwait */
#endif
	/* The same on all architectures. */
	[449] = WAIT_LOCK,  /* futex_waitv */
	[455] = WAIT_LOCK,  /* futex_wait */
	[426] = WAIT_DISK,  /* io_uring_enter */
	[441] = WAIT_EPOLL, /* epoll_pwait2 */
};

#endif
