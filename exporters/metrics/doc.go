// SPDX-License-Identifier: Apache-2.0

// Package metrics hands the kernel's histograms and the bridge's own account to
// OpenTelemetry's metric readers.
//
// [Producer] is a metric.Producer of the SDK: it turns what the kernel has
// counted into explicit histograms and sums, with the same counts to the last
// one, and adds exemplars that point to traces. [NewOTLP] and [NewLines] run a
// producer over OTLP and into files of OTLP JSON lines; package prometheus serves
// it to scrapers. One producer may serve several readers at once.
//
// All sums and histograms are cumulative since the probes were attached,
// whatever OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE says: a collector's
// cumulativetodelta processor converts them for a backend that needs deltas.
//
// The package never counts an operation itself, never samples, and never puts
// query text, user names or process ids into attributes.
package metrics
