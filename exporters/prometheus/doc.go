// SPDX-License-Identifier: Apache-2.0

// Package prometheus serves metrics to Prometheus and other scrapers.
//
// [Server] runs the OpenTelemetry SDK's Prometheus exporter over a metric
// producer and answers GET and HEAD on /metrics, in the OpenMetrics format with
// exemplars for scrapers that ask for it. The process's own CPU time, memory and
// Go runtime are part of it.
//
// Names are translated as the OpenTelemetry specification has it:
// db.server.operation.duration becomes db_server_operation_duration_seconds.
//
// The server speaks plain HTTP without authentication. It never pushes, never
// uses the global registry, and never listens on more than the one address that
// it was given.
package prometheus
