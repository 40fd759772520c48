// SPDX-License-Identifier: Apache-2.0

// Package backends starts real trace backends on free ports of 127.0.0.1 and
// reads back what they received: Jaeger v2 through its own API, the OpenTelemetry
// Collector through the file that its configuration writes.
//
// The binaries come from "make backends". The package never sends anything to a
// backend and never talks to one that it did not start.
package backends
