// SPDX-License-Identifier: Apache-2.0

// Package otlp ships spans to an OpenTelemetry Protocol receiver, over gRPC or
// HTTP.
//
// An [Exporter] encodes each batch at once into a bounded queue, from which a
// few senders deliver it with the retry rules of the OTLP specification
// (https://opentelemetry.io/docs/specs/otlp/). [FromEnv] reads the standard
// OTEL_EXPORTER_OTLP_* variables. [Encoder] and [JSONEncoder] turn batches into
// the binary and the JSON form of an ExportTraceServiceRequest without
// allocating.
//
// The package never blocks the caller on the network, never gives a span up
// without counting it in the [bridge.Tally], never writes a queue to disk,
// never follows a redirect, and never falls back from TLS to plaintext. It
// sends spans only: metrics go through the OpenTelemetry SDK.
package otlp
