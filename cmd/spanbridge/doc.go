// SPDX-License-Identifier: Apache-2.0

// Command spanbridge turns probes of a running server into OpenTelemetry spans
// and metrics.
//
// This package only wires the others together: one file for each verb, flags
// and messages, and nothing that another program could want. Data goes to
// standard output, messages to standard error.
package main
