// SPDX-License-Identifier: Apache-2.0

// Package calls finds the places at which a program calls a function. A probe
// there is hit by these calls only, and not where the function is called through
// a pointer or jumped to by a function that is of no interest.
//
// A probe in the middle of an instruction would destroy the program, so a place
// has to be certain. The bytes of a call are looked for in all code; then the
// instructions of the function around them, whose bounds the table for unwinding
// tells (.eh_frame, through its index .eh_frame_hdr), are decoded from the first
// one on. Where that does not get there, the whole search is refused with the
// reason: it would otherwise miss calls without a word.
//
// Found are calls and jumps of the function itself, of its entries in the
// procedure linkage table, and, on x86-64, through its slots in the global offset
// table. Not found, in the nature of the thing, are calls through other pointers.
//
// x86-64 and arm64 are served. The package is pure: it never opens a file and
// never reads a process. All work is bounded by the size of the code.
package calls
