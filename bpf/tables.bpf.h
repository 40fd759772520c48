/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What user space tells the programs: operations, sites, processes. */
#ifndef SPANBRIDGE_TABLES_BPF_H
#define SPANBRIDGE_TABLES_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_OPS);
	__type(key, __u32);
	__type(value, struct op_config);
} ops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct spec);
} sites SEC(".maps");

/*
 * The processes to which sites marked SPEC_ONLY_TARGETS are limited. The key
 * is the operation, shifted left by 32, and the process.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u8);
} targets SEC(".maps");

static __always_inline bool chosen(const struct op_config *config)
{
	return config->sample == 0xffffffff || bpf_get_prandom_u32() <= config->sample;
}

#endif
