/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe sites: one per probe, because the functions are not inlined.
 * Debian 12's sys/sdt.h makes each site a one-byte nop (0x90), which the kernel
 * emulates; a five-byte nop could be rewritten by Linux 6.18 into a call that
 * overwrites the red zone.
 */
#include "probes.h"

#define _SDT_HAS_SEMAPHORES 1
#define SEMAPHORE __attribute__((section(".probes"), used, visibility("hidden")))
#define SITE __attribute__((noinline))

volatile unsigned short mysql_query__start_semaphore SEMAPHORE;
volatile unsigned short mysql_query__done_semaphore SEMAPHORE;
volatile unsigned short mysql_connection__start_semaphore SEMAPHORE;
volatile unsigned short mysql_connection__done_semaphore SEMAPHORE;

#include <sys/sdt.h>

/*
 * The two query sites take their arguments one by one: in registers they are
 * cheaper to read for a tracer than in memory. The first six arguments are.
 */
static SITE void query_start_site(const char *query, unsigned long conn_id, const char *db,
				  const char *user, const char *host, unsigned long long start_ns,
				  unsigned long query_len, unsigned long long query_id)
{
	DTRACE_PROBE8(mysql, query__start, query, conn_id, db, user, host, start_ns,
		      query_len, query_id);
}

static SITE void query_done_site(int status, unsigned int error_number,
				 unsigned long long query_id, unsigned long conn_id,
				 const char *query, unsigned long query_len)
{
	DTRACE_PROBE6(mysql, query__done, status, error_number, query_id, conn_id, query,
		      query_len);
}

void fire_query_start(const struct query_start *s)
{
	query_start_site(s->query, s->conn_id, s->db, s->user, s->host, s->start_ns,
			 s->query_len, s->query_id);
}

void fire_query_done(const struct query_done *d)
{
	query_done_site(d->status, d->error_number, d->query_id, d->conn_id, d->query,
			d->query_len);
}

SITE void fire_connection_start(unsigned long conn_id, const char *user, const char *host)
{
	DTRACE_PROBE3(mysql, connection__start, conn_id, user, host);
}

SITE void fire_connection_done(int status, unsigned long conn_id)
{
	DTRACE_PROBE2(mysql, connection__done, status, conn_id);
}
