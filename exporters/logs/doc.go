// SPDX-License-Identifier: Apache-2.0

// Package logs tells of operations that go on for long as OpenTelemetry log records,
// while they run: over OTLP by the SDK, and as OTLP JSON lines. A record carries the
// ids of the span that comes when the operation has ended.
package logs
