/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Finding the traceparent among the query attributes of a MySQL statement. */
#ifndef SPANBRIDGE_ATTRIBUTE_BPF_H
#define SPANBRIDGE_ATTRIBUTE_BPF_H

/*
 * A query attribute of MySQL from 8.0.23 on, as the server holds it while it
 * executes the statement (struct PS_PARAM, include/mysql/com_data.h).
 */
struct ps_param {
	__u8 is_null, pad0[3];
	__u32 type;
	__u8 is_unsigned, pad1[7];
	__u64 value, length;
	__u64 name, name_length;
};

#define MAX_ATTRIBUTES	  16 /* that are looked at: the last ones, behind a statement's parameters */
#define MOST_PARAMETERS	  (2 * 65535) /* of a statement and of its attributes: the protocol has 2 bytes for each */
#define TRACEPARENT_SIZE  55 /* https://www.w3.org/TR/trace-context/#traceparent-header */
#define TRACEPARENT_NAME  "traceparent"

static __always_inline bool is_traceparent(const struct ps_param *p)
{
	char name[12] = {}, want[12] = TRACEPARENT_NAME;

	if (p->is_null || p->length != TRACEPARENT_SIZE ||
	    p->name_length != sizeof(TRACEPARENT_NAME) - 1 ||
	    bpf_copy_from_user(name, sizeof(TRACEPARENT_NAME) - 1, (const void *)p->name))
		return false;
	return *(__u64 *)name == *(__u64 *)want && *(__u32 *)(name + 8) == *(__u32 *)(want + 8);
}

struct attributes {
	__u64 array, value;
	int err;
};

/* A callback: as the body of a loop it would be verified once for each attribute. */
static long look_at_attribute(__u32 i, struct attributes *a)
{
	struct ps_param p;

	a->err = bpf_copy_from_user(&p, sizeof(p), (const void *)(a->array + i * sizeof(p)));
	if (a->err)
		return 1;
	if (!is_traceparent(&p))
		return 0;
	a->value = p.value;
	return 1;
}

/*
 * Finds where the server holds the value of the attribute: 0 if it is not among
 * the last ones. Returns a negative error number if they cannot be read. A
 * function of its own is verified once, not once for every way that leads to it.
 */
__noinline int find_traceparent(__u64 array, __u64 n, __u64 *value)
{
	struct attributes a = {.array = array};

	if (!value)
		return 0;
	*value = 0;
	if (n > MOST_PARAMETERS)
		return -1;
	if (n > MAX_ATTRIBUTES) {
		a.array += (n - MAX_ATTRIBUTES) * sizeof(struct ps_param);
		n = MAX_ATTRIBUTES;
	}
	bpf_loop(n, look_at_attribute, &a, 0);
	*value = a.value;
	return a.err;
}

#endif
