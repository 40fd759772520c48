// SPDX-License-Identifier: Apache-2.0

// Package bridge turns records of finished operations into OpenTelemetry spans.
//
// A probe source yields one [Record] for every finished operation; the
// [Assembler] makes spans of it and hands them in batches to an [Exporter].
// Every hit is accounted for in a [Ledger].
//
// The package owns the domain types and the two interfaces that the edges
// implement. It never imports a probe source, an exporter, eBPF or the
// OpenTelemetry SDK, and it never touches a kernel, a file or the network.
//
// In OpenTelemetry's Go repository a package named bridge adapts one tracing
// API to another; this one spans the way from kernel probes to OTLP.
package bridge
