// SPDX-License-Identifier: Apache-2.0

// Package telemetry receives the spans that MySQL's own component_telemetry makes of
// statements (MySQL 9.7 in the Community Edition, 8.1 in others), as an account: OTLP over HTTP, on loopback
// only. It changes no setting of the server: [Inspect] says what has to be changed. No literal of a
// statement leaves it.
//
// # What a server needs
//
// The endpoint is read-only while a server runs. It has to be started with
//
//	--loose-telemetry.otel_exporter_otlp_traces_endpoint=http://127.0.0.1:4318/v1/traces
//
// and needs the component (INSTALL COMPONENT 'file://component_telemetry'). Traces
// are switched on while it runs: SET GLOBAL telemetry.trace_enabled = ON.
//
// # Whose a statement is
//
// The span of a statement does not tell its connection. It links to the span of its session,
// which tells it, and which the server sends when the connection ends. Statements of connections that
// are still open at the end are given to the connection in whose history in Performance Schema
// (events_statements_history, on by default) they are found, by text and time; this needs a
// database handle. Connections from before traces were switched on have no session:
// their statements are counted as lost.
//
// # What is told differently
//
// Texts are cut to performance_schema_max_sql_text_length. EXECUTE and PREPARE are told with the text of what
// they execute and prepare; these are yielded without a text. The schema of
// USE is the one before it, and is left out. Time is that of the server's own clock, from the start of a
// statement to its end as Performance Schema sees them, to some ten microseconds.
//
// # What is lost
//
// A server whose queue of spans is full, or whose export failed, drops spans. It counts them nowhere, but writes a
// line into its error log for each, unless telemetry.otel_log_level is silent; these are
// read at the end from performance_schema.error_log.
package telemetry
