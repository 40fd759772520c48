/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pairs the audit events of one thread into statements.
 *
 * The server does not report the begin and the end of a statement as such. It
 * reports LOG when it would write to the general log, STATUS when a statement
 * (or another command) is over, ERROR when a condition is raised and RESULT once
 * at the end of a successful command. track.c says how they fit together.
 */
#ifndef SPANBRIDGE_TRACK_H
#define SPANBRIDGE_TRACK_H

#include <mysql/plugin_audit.h>

/* One event of class GENERAL, with what the plugin knows besides. */
struct track_event {
	const struct mysql_event_general *general;
	const char *db;
	const char *user;
	const char *host;
};

/*
 * All functions act on the calling thread only and need no lock. They fire
 * query__start and query__done, each start followed by exactly one done on the
 * same thread, properly nested.
 */
void track_log(const struct track_event *ev);
void track_status(const struct track_event *ev);
void track_result(const struct track_event *ev);
void track_error(const struct track_event *ev);

/* The thread's connection begins or ends: whatever is still open is over. */
void track_connection(void);

/*
 * Nobody is attached: forget, without firing, what an earlier tracer left open.
 * Costs one thread-local look-up when there is nothing to forget.
 */
void track_idle(void);

#endif
