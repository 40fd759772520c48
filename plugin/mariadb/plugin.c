/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Audit plugin that gives a stock MariaDB the static probes mysql:query__start,
 * query__done, connection__start and connection__done.
 */
#include <mysql/plugin.h>
#include <mysql/plugin_audit.h>
#include <stddef.h>

#include "probes.h"
#include "track.h"

/*
 * C functions that the server exports for plugins (sql/sql_class.cc). They return
 * NUL-terminated strings that live as long as the session does, or NULL.
 */
extern const char *thd_user_name(MYSQL_THD thd);
extern const char *thd_client_host(MYSQL_THD thd);
extern const char *thd_client_ip(MYSQL_THD thd);

/* The connection whose connection__start this thread fired, 0 for none. */
static __thread unsigned long announced;

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static const char *host_or_address(const char *host, const char *address)
{
	return host && *host ? host : or_empty(address);
}

static void general_event(MYSQL_THD thd, const struct mysql_event_general *general)
{
	struct track_event ev;

	if (!query_probes_enabled()) {
		track_idle();
		return;
	}
	if (!thd)
		return;
	ev.general = general;
	/* The server allocates database names with a terminating NUL. */
	ev.db = or_empty(general->database.str);
	ev.user = or_empty(thd_user_name(thd));
	ev.host = host_or_address(thd_client_host(thd), thd_client_ip(thd));
	switch (general->event_subclass) {
	case MYSQL_AUDIT_GENERAL_LOG:
		track_log(&ev);
		break;
	case MYSQL_AUDIT_GENERAL_STATUS:
		track_status(&ev);
		break;
	case MYSQL_AUDIT_GENERAL_RESULT:
		track_result(&ev);
		break;
	case MYSQL_AUDIT_GENERAL_ERROR:
		track_error(&ev);
		break;
	}
}

/*
 * Refused logins give CONNECT with an error and then DISCONNECT, and the server
 * may report DISCONNECT twice at shutdown; the probes fire as pairs all the same.
 */
static void connection_event(const struct mysql_event_connection *c)
{
	if (c->event_subclass == MYSQL_AUDIT_CONNECTION_CHANGE_USER)
		return;
	if (query_probes_enabled())
		track_connection();
	if (!connection_probes_enabled()) {
		announced = 0;
		return;
	}
	if (c->event_subclass == MYSQL_AUDIT_CONNECTION_CONNECT && c->status == 0) {
		announced = c->thread_id;
		fire_connection_start(c->thread_id, or_empty(c->user),
				      host_or_address(c->host, c->ip));
	} else if (c->event_subclass == MYSQL_AUDIT_CONNECTION_DISCONNECT &&
		   announced == c->thread_id) {
		announced = 0;
		fire_connection_done(c->status, c->thread_id);
	}
}

static void notify(MYSQL_THD thd, unsigned int event_class, const void *event)
{
	if (event_class == MYSQL_AUDIT_GENERAL_CLASS)
		general_event(thd, event);
	else if (event_class == MYSQL_AUDIT_CONNECTION_CLASS)
		connection_event(event);
}

static struct st_mysql_audit descriptor = {
	MYSQL_AUDIT_INTERFACE_VERSION,
	NULL,
	notify,
	{MYSQL_AUDIT_GENERAL_CLASSMASK | MYSQL_AUDIT_CONNECTION_CLASSMASK},
};

#pragma GCC visibility push(default)
maria_declare_plugin(spanbridge_usdt){
	MYSQL_AUDIT_PLUGIN,
	&descriptor,
	"spanbridge_usdt",
	"The spanbridge authors",
	"USDT probes for statements and connections",
	PLUGIN_LICENSE_GPL,
	NULL, /* init */
	NULL, /* deinit */
	0x0100,
	NULL, /* status variables */
	NULL, /* system variables */
	"1.0",
	MariaDB_PLUGIN_MATURITY_STABLE,
} maria_declare_plugin_end;
#pragma GCC visibility pop
