/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Counters and duration histograms. Uprobe programs are preemptible, so even
 * per-CPU values are added to atomically.
 */
#ifndef SPANBRIDGE_LEDGER_BPF_H
#define SPANBRIDGE_LEDGER_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_OPS);
	__type(key, __u32);
	__type(value, struct op_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct histogram_key);
	__type(value, struct histogram);
} histograms SEC(".maps");

/* Never written: what a new histogram begins with. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct histogram);
} empty_histogram SEC(".maps");

/* A function of its own, which the verifier looks at once. */
__noinline int count(__u32 op, enum counter which)
{
	struct op_counters *c = bpf_map_lookup_elem(&counters, &op);

	if (c && which < NUM_COUNTERS)
		__sync_fetch_and_add(&c->n[which], 1);
	return 0;
}

/*
 * Keep in step with bridge.BucketOf. The octave is found without a branch, whose
 * every combination the verifier would follow.
 */
static __always_inline __u32 bucket_of(__u64 duration_ns)
{
	__u64 d = duration_ns - 1, rest = d, more;
	__u32 octave = 0;

	if (duration_ns <= 1ULL << FIRST_OCTAVE)
		return 0;
#define HALVE(bits)                                                                                \
	more = -(rest >> bits);                                                                    \
	opaque(more);                                                                              \
	more >>= 63; /* 1 if there is a bit up there */                                            \
	octave += more * bits;                                                                     \
	rest >>= more * bits;
	HALVE(32)
	HALVE(16)
	HALVE(8)
	HALVE(4)
	HALVE(2)
	HALVE(1)
#undef HALVE
	if (octave >= FIRST_OCTAVE + NUM_OCTAVES)
		return NUM_BUCKETS - 1;
	return 1 + (octave - FIRST_OCTAVE) * (1 << SUB_BITS) +
	       ((d >> ((octave - SUB_BITS) & 63)) & ((1 << SUB_BITS) - 1));
}

static __always_inline struct histogram *histogram_of(const struct histogram_key *key)
{
	struct histogram *h = bpf_map_lookup_elem(&histograms, key);
	__u32 zero = 0;

	if (h)
		return h;
	h = bpf_map_lookup_elem(&empty_histogram, &zero);
	if (!h)
		return 0;
	bpf_map_update_elem(&histograms, key, h, BPF_NOEXIST);
	return bpf_map_lookup_elem(&histograms, key);
}

/* Verified once: see bpf/args.bpf.h. */
__noinline int add_duration(struct histogram *h, __u64 duration_ns)
{
	__u32 bucket = bucket_of(duration_ns);

	if (!h)
		return 0;
	__sync_fetch_and_add(&h->count, 1);
	__sync_fetch_and_add(&h->sum_ns, duration_ns);
	if (bucket < NUM_BUCKETS)
		__sync_fetch_and_add(&h->buckets[bucket], 1);
	return 0;
}

__noinline int add_times(struct histogram *h, const struct times *times)
{
	if (!h || !times)
		return 0;
	for (int i = 0; i < NUM_TIMES; i++)
		if (times->ns[i])
			__sync_fetch_and_add(&h->time_ns[i], times->ns[i]);
	return 0;
}

/*
 * The key is looked up outside of that function: Linux 6.1 takes no key of a map
 * that a function was given by pointer (map_key_value_types, kernel/bpf/verifier.c).
 * Returns where it has counted, or 0.
 */
static __always_inline struct histogram *observe(const struct histogram_key *key,
						 __u64 duration_ns, const struct times *times)
{
	struct histogram *h = histogram_of(key);

	if (!h) {
		count(key->op, COUNT_HISTOGRAM_LOST);
		return 0;
	}
	add_duration(h, duration_ns);
	if (times)
		add_times(h, times);
	return h;
}

#endif
