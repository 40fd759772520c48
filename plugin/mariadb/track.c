/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What MariaDB 10.11 reports, by its source (sql/sql_parse.cc, sql/sp_head.cc,
 * sql/sql_prepare.cc, sql/log.cc) and as observed:
 *
 *  - Text protocol: LOG "Query" with the whole packet, then one STATUS for each
 *    statement in it; RESULT comes before the last one if all went well.
 *  - Binary protocol: LOG "Execute", STATUS, RESULT; no STATUS after RESULT.
 *  - Text EXECUTE: LOG "Query", LOG "Execute", one STATUS. If the statement to
 *    execute does not exist: LOG "Query", ERROR, nothing more. EXECUTE IMMEDIATE
 *    has a second STATUS.
 *  - Statements of stored programs: LOG "Query" and STATUS in between. The LOG
 *    carries the query id of an earlier statement. EXECUTE in there has one LOG
 *    and two STATUS. A hit in the query cache has a LOG and no STATUS.
 *  - A prepared statement whose tables changed: STATUS with error 1615, then it
 *    is prepared again and has a second LOG "Execute" and STATUS.
 *  - A replica's applier: LOG after execution, no STATUS.
 *
 * A STATUS is matched to its LOG by the address of the query text, which the
 * server keeps for as long as the statement runs. A LOG whose event lies on the
 * stack no lower than an open one's proves that the function which logged that
 * one has returned: it is over though no STATUS came.
 *
 * Thread pools (thread_handling=pool-of-threads) may move a connection to
 * another thread between commands; the connection id tells.
 */
#include "track.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "probes.h"
#include "text.h"

#define MAX_DEPTH 64
#define ER_NEED_REPREPARE 1615

enum kind {
	PACKET,		/* first statement of a text packet */
	INSTRUCTION,	/* statement of a stored program */
	EXECUTE,	/* prepared statement */
};

struct open_statement {
	const char *query;	/* address that its STATUS will show */
	uintptr_t frame;	/* address of its LOG event on the stack */
	const char *inner;	/* text of an EXECUTE inside a stored program */
	unsigned int error;	/* last one raised while it was innermost */
	enum kind kind;
};

/* The packet whose statements are being run. */
struct packet {
	const char *begin, *end;
	uintptr_t frame;
	const char *statement;		/* the last of its statements that ended */
	unsigned long long end_ns;	/* when that was */
	int active;
	int executed;	/* the last one was an EXECUTE: a second STATUS may follow */
};

struct thread_state {
	unsigned long conn_id;
	unsigned int depth;
	unsigned int beyond;	/* statements deeper than MAX_DEPTH, not reported */
	int final;		/* RESULT seen: the next STATUS ends the command */
	struct packet packet;
	struct open_statement open[MAX_DEPTH];
};

static __thread struct thread_state state;
/*
 * Set while state holds anything. Both live in dynamic thread-local storage: the
 * initial-exec model would be faster by a nanosecond, but the loader has no room
 * for a block of this size in the static one.
 */
static __thread unsigned char live;

static unsigned long long monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int same(const char *s, unsigned int len, const char *word)
{
	return s && strlen(word) == len && memcmp(s, word, len) == 0;
}

static uintptr_t frame_of(const struct track_event *ev)
{
	return (uintptr_t)ev->general;
}

static struct open_statement *top(void)
{
	return state.depth ? &state.open[state.depth - 1] : NULL;
}

static void start(const struct track_event *ev, unsigned long long query_id,
		  unsigned long long start_ns)
{
	const struct mysql_event_general *g = ev->general;
	struct query_start s = {
		.query = g->general_query ? g->general_query : "",
		.conn_id = g->general_thread_id,
		.db = ev->db,
		.user = ev->user,
		.host = ev->host,
		.query_len = g->general_query_length,
		.query_id = query_id,
		.start_ns = start_ns,
	};

	fire_query_start(&s);
}

static void done(const struct track_event *ev)
{
	const struct mysql_event_general *g = ev->general;
	struct query_done d = {
		.status = g->general_error_code != 0,
		.error_number = g->general_error_code,
		.query_id = g->query_id,
		.conn_id = g->general_thread_id,
		.query = g->general_query,
		.query_len = g->general_query ? g->general_query_length : 0,
	};

	fire_query_done(&d);
}

/* The innermost open statement is over, but no event said so. */
static void abandon(void)
{
	struct query_done d = {
		.status = top()->error != 0,
		.error_number = top()->error,
		.conn_id = state.conn_id,
	};

	state.depth--;
	state.beyond = 0;
	fire_query_done(&d);
}

static void abandon_down_to(unsigned int depth)
{
	while (state.depth > depth)
		abandon();
}

static void push(const struct track_event *ev, enum kind kind, unsigned long long start_ns)
{
	const struct mysql_event_general *g = ev->general;

	if (state.depth == MAX_DEPTH) {
		state.beyond++;
		return;
	}
	state.open[state.depth++] = (struct open_statement){
		.query = g->general_query,
		.frame = frame_of(ev),
		.kind = kind,
	};
	start(ev, kind == INSTRUCTION ? 0 : g->query_id, start_ns);
}

/* A thread that serves another connection now has left the old one's statements. */
static void enter(const struct track_event *ev)
{
	live = 1;
	if (state.conn_id == ev->general->general_thread_id)
		return;
	track_connection();
	live = 1;
	state.conn_id = ev->general->general_thread_id;
}

static int in_packet(const char *query)
{
	return state.packet.active && query >= state.packet.begin && query <= state.packet.end;
}

static int new_in_packet(const char *query)
{
	return in_packet(query) && query > state.packet.statement;
}

static void statement_of_packet_ended(const char *query)
{
	struct packet *p = &state.packet;

	if (!p->active)
		return;
	if (in_packet(query))
		p->statement = query;
	p->end_ns = monotonic_ns();
}

/* A replica's applier has neither user nor host; it logs after execution. */
static int is_applier(const struct mysql_event_general *g)
{
	return same(g->general_user, g->general_user_length, "[] @  []");
}

static void log_query(const struct track_event *ev)
{
	const struct mysql_event_general *g = ev->general;
	struct packet *p = &state.packet;
	uintptr_t frame = frame_of(ev);

	while (state.depth && top()->frame <= frame)
		abandon();
	if (state.depth || (p->active && frame < p->frame)) {
		push(ev, INSTRUCTION, 0);
		return;
	}
	if (is_applier(g))
		return;
	*p = (struct packet){
		.begin = g->general_query,
		.end = g->general_query + g->general_query_length,
		.statement = g->general_query,
		.frame = frame,
		.active = 1,
	};
	push(ev, PACKET, 0);
}

static void log_execute(const struct track_event *ev)
{
	const struct packet *p = &state.packet;
	uintptr_t frame = frame_of(ev);
	int within;

	if (state.depth && top()->kind == EXECUTE && top()->error == ER_NEED_REPREPARE &&
	    top()->frame == frame) {
		top()->query = ev->general->general_query;
		top()->error = 0;
		return;
	}
	while (state.depth && top()->frame <= frame)
		abandon();
	within = state.depth == 0 && p->active && frame < p->frame;
	push(ev, EXECUTE, within ? p->end_ns : 0);
}

void track_log(const struct track_event *ev)
{
	const struct mysql_event_general *g = ev->general;

	enter(ev);
	state.final = 0;
	if (same(g->general_command, g->general_command_length, "Query"))
		log_query(ev);
	else if (same(g->general_command, g->general_command_length, "Execute"))
		log_execute(ev);
}

/* The statement at index i is over, and all that were opened inside it. */
static void finish(const struct track_event *ev, unsigned int i)
{
	enum kind kind = state.open[i].kind;

	abandon_down_to(i + 1);
	state.depth = i;
	state.beyond = 0;
	done(ev);
	if (kind == EXECUTE && i == 1 && state.open[0].kind == PACKET) {
		state.depth = 0; /* a text EXECUTE has no other STATUS */
		done(ev);
	}
	if (state.depth == 0 && kind != INSTRUCTION) {
		state.packet.executed = kind == EXECUTE;
		statement_of_packet_ended(ev->general->general_query);
	}
}

/* A statement of the packet after the first: its begin was not reported. */
static void finish_next_in_packet(const struct track_event *ev)
{
	const struct mysql_event_general *g = ev->general;

	abandon_down_to(0);
	start(ev, g->query_id, state.packet.end_ns);
	done(ev);
	statement_of_packet_ended(g->general_query);
}

/*
 * A STATUS whose text is not that of any open statement. Inside a stored program
 * EXECUTE reports the text that it ran, first for that and then for itself.
 */
static void finish_unmatched(const struct track_event *ev)
{
	const char *query = ev->general->general_query;

	if (state.beyond) {
		state.beyond--;
		return;
	}
	if (state.final || (state.depth == 1 && top()->kind == PACKET))
		finish(ev, 0);
	else if (query && top()->inner == query)
		finish(ev, state.depth - 1);
	else
		top()->inner = query;
}

static int find_open(const char *query)
{
	int i = (int)state.depth - 1;

	while (i >= 0 && (!query || state.open[i].query != query))
		i--;
	return i;
}

void track_status(const struct track_event *ev)
{
	const struct mysql_event_general *g = ev->general;
	int i;

	enter(ev);
	if (g->general_error_code == ER_NEED_REPREPARE) {
		if (state.depth)
			top()->error = ER_NEED_REPREPARE;
		return;
	}
	i = find_open(g->general_query);
	if (i >= 0) {
		finish(ev, i);
	} else if (state.depth == 0 && state.packet.executed) {
		statement_of_packet_ended(g->general_query);
		state.packet.executed = 0;
	} else if (new_in_packet(g->general_query)) {
		finish_next_in_packet(ev);
	} else if (state.depth) {
		finish_unmatched(ev);
	}
	if (state.depth == 0 && (state.final || g->general_error_code))
		state.packet.active = 0;
	state.final = 0;
}

void track_result(const struct track_event *ev)
{
	enter(ev);
	state.final = 1;
}

void track_error(const struct track_event *ev)
{
	const struct mysql_event_general *g = ev->general;
	int preparing_again;

	enter(ev);
	preparing_again = state.depth && top()->error == ER_NEED_REPREPARE;
	if (state.depth)
		top()->error = g->general_error_code;
	if (preparing_again) {
		finish(ev, state.depth - 1);
		return;
	}
	if (!g->general_query || !may_be_execute(g->general_query, g->general_query_length))
		return;
	if (state.depth == 1 && top()->kind == PACKET && top()->query == g->general_query)
		finish(ev, 0);
	else if (state.depth == 0 && new_in_packet(g->general_query))
		finish_next_in_packet(ev);
}

void track_connection(void)
{
	abandon_down_to(0);
	track_idle();
}

void track_idle(void)
{
	if (!live)
		return;
	state.conn_id = 0;
	state.depth = 0;
	state.beyond = 0;
	state.final = 0;
	state.packet = (struct packet){0};
	live = 0;
}
