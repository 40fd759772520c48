// SPDX-License-Identifier: Apache-2.0

// Package logfile holds what the readers of a server's logs share: lines of a
// bounded length, a file that grows and is rotated under its reader, tables that are
// logged to, stamps and numbers as servers write them, and texts that may leave the
// host. It knows no format of a log, and never writes.
package logfile
