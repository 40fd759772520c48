// SPDX-License-Identifier: Apache-2.0

// Package tracefs reads what the kernel says of its tracepoints: their numbers,
// and where the fields of their records are.
//
// It is told in the file system tracefs. Where that is not mounted, it is mounted
// without a place (fsopen(2), fsmount(2), Linux 5.2): nobody else sees it, and it
// is gone with the process.
package tracefs
