// SPDX-License-Identifier: Apache-2.0

package cost

import "github.com/spanbridge/spanbridge/compare/settings"

// generalLog writes every command to a file.
func (h *host) generalLog() method {
	return &switched{
		described: described{called: "generallog", does: "general_log, to a file"}, set: h.set,
		settings: []setting{{settings.Variable, "general_log", "ON", "OFF"}},
	}
}

// slowLog writes every statement to a file, with its times and rows.
func (h *host) slowLog() method {
	m := &switched{
		described: described{called: "slowlog", does: "slow_query_log of every statement (long_query_time=0), to a file"}, set: h.set,
		settings: []setting{{settings.Variable, "long_query_time", "0", h.Server.Variable("long_query_time")}},
	}
	for _, all := range []struct{ name, value string }{
		{"min_examined_row_limit", "0"},
		// MariaDB and Percona Server leave statements out by these.
		{"log_slow_rate_limit", "1"}, {"log_slow_filter", ""}, {"log_slow_min_examined_row_limit", "0"},
	} {
		if h.Server.Has(all.name) {
			m.settings = append(m.settings, setting{settings.Variable, all.name, all.value, h.Server.Variable(all.name)})
		}
	}
	m.settings = append(m.settings, setting{settings.Variable, "slow_query_log", "ON", "OFF"})
	return m
}

// The consumers of Performance Schema that MySQL switches on by itself, but for those of
// transactions, and one more. setup_consumers explains in which order they depend
// on each other: https://dev.mysql.com/doc/refman/8.4/en/performance-schema-consumer-filtering.html
var (
	defaultConsumers = []string{
		"global_instrumentation", "thread_instrumentation", "statements_digest", "events_statements_current", "events_statements_history",
	}
	historyConsumer = "events_statements_history_long"
)

func (h *host) perfschemaDefault() method {
	return h.perfschema("perfschema-default", "Performance Schema with the consumers of statements and digests that MySQL has on by itself")
}

func (h *host) perfschemaHistory() method {
	return h.perfschema("perfschema-history_long", "those by default, and "+historyConsumer, consumer(historyConsumer))
}

func (h *host) perfschemaWaits() method {
	return h.perfschema("perfschema-waits", "those by default, and the instruments of mutexes and latches ("+synchronisation+"), timed, with events_waits_current",
		append([]setting{consumer("events_waits_current")}, waits()...)...)
}

// synchronisation are the instruments of what is hit most often. They are off in MySQL and MariaDB, while those
// of files and tables are on in MySQL.
const synchronisation = "wait/synch/%"

func waits() []setting {
	return []setting{
		{settings.Instrument, synchronisation, "YES", "NO"}, {settings.Timing, synchronisation, "YES", "NO"},
	}
}

func consumer(name string) setting { return setting{settings.Consumer, name, "YES", "NO"} }

func (h *host) perfschema(name, detail string, more ...setting) method {
	m := &switched{described: described{called: name, does: detail}, set: h.set}
	if !h.Server.On("performance_schema") {
		m.lacks = "performance_schema is OFF, which only the start of the server can change"
		return m
	}
	for _, c := range defaultConsumers {
		m.settings = append(m.settings, consumer(c))
	}
	m.settings = append(m.settings, more...)
	return m
}

// The variables of MySQL's component_telemetry. The endpoint is read only while the server runs.
const (
	telemetrySwitch   = "telemetry.trace_enabled"
	telemetryEndpoint = "telemetry.otel_exporter_otlp_traces_endpoint"
)

// telemetry sends a span of every statement from within the server.
func (h *host) telemetry() method {
	m := &switched{
		described: described{called: "telemetry", does: "spans of MySQL's component_telemetry"}, set: h.set,
		settings: []setting{{settings.Variable, telemetrySwitch, "ON", "OFF"}},
	}
	endpoint := h.Server.Variable(telemetryEndpoint)
	if m.lackTelemetry(h.Server.Has(telemetrySwitch), endpoint); m.lacks == "" {
		m.does += ", to " + h.receiveAt(endpoint)
	}
	return m
}

// lackTelemetry says why the component sends nothing, where that is so. Without an
// endpoint it makes no spans, and would seem to cost nothing.
func (m *switched) lackTelemetry(installed bool, endpoint string) {
	switch {
	case !installed:
		m.lacks = "component_telemetry is not installed (MySQL 9.7 has it)"
	case endpoint == "":
		m.lacks = "component_telemetry has no endpoint, which is given at the server's start"
	}
}
