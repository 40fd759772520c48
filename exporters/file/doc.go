// SPDX-License-Identifier: Apache-2.0

// Package file writes spans to a file or to standard output in the OTLP JSON
// file format: one ExportTraceServiceRequest a line
// (https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/).
//
// A [Writer] keeps lines whole and is shared with whoever adds metrics to the
// same file. The package never rotates, renames or deletes a file, never
// changes what a file already holds, and never stops for a full disk: what
// could not be written is counted as dropped.
package file
