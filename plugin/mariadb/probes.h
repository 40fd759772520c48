/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The static probes of this plugin, provider "mysql".
 *
 * The leading arguments are those of the server's own probes of the same name
 * (include/probes_mysql.d.base of MariaDB and MySQL 5.7), so tools written for
 * these work unchanged; what the classic probes lack follows after them.
 *
 * A probe is a one-byte nop and a semaphore. While nobody is attached the
 * semaphore is zero and no argument is computed.
 */
#ifndef SPANBRIDGE_PROBES_H
#define SPANBRIDGE_PROBES_H

/* How a statement began. No pointer is NULL. */
struct query_start {
	const char *query;	/* text, query_len bytes, not always NUL-terminated */
	unsigned long conn_id;
	const char *db;		/* current database, "" for none */
	const char *user;	/* login name, not the matched account */
	const char *host;	/* host name, address if it was not resolved */
	unsigned long query_len;
	unsigned long long query_id;	/* 0: not known yet (nested statement) */
	unsigned long long start_ns;	/* CLOCK_MONOTONIC; 0: now */
};

/* How a statement ended. */
struct query_done {
	int status;			/* 0 or 1 */
	unsigned int error_number;	/* the server's, 0 for none */
	unsigned long long query_id;	/* 0: not known */
	unsigned long conn_id;
	const char *query;	/* exact text of this statement, NULL if not known */
	unsigned long query_len;
};

extern volatile unsigned short mysql_query__start_semaphore;
extern volatile unsigned short mysql_query__done_semaphore;
extern volatile unsigned short mysql_connection__start_semaphore;
extern volatile unsigned short mysql_connection__done_semaphore;

static inline int query_probes_enabled(void)
{
	return mysql_query__start_semaphore | mysql_query__done_semaphore;
}

static inline int connection_probes_enabled(void)
{
	return mysql_connection__start_semaphore | mysql_connection__done_semaphore;
}

void fire_query_start(const struct query_start *s);
void fire_query_done(const struct query_done *d);
void fire_connection_start(unsigned long conn_id, const char *user, const char *host);
void fire_connection_done(int status, unsigned long conn_id);

#endif
