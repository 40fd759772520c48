// SPDX-License-Identifier: Apache-2.0

// Package usdt reads the statically defined probes of an ELF file: the notes
// that sys/sdt.h leaves in .note.stapsdt, and the grammar in which they say
// where each argument lives when the probe fires.
//
// It serves 64-bit little-endian x86-64 and arm64 executables and shared
// objects. The note layout is SystemTap's
// (https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation), the
// argument grammar is that of the compiler's assembly output.
//
// Every size that the file states is checked against a fixed limit before
// memory is taken or a loop begun, so a hostile file costs little. What cannot
// be decoded is reported, as an argument of kind [Unavailable] or as a
// [Fault], and never guessed.
//
// The package never attaches a probe, never reads the memory of a process,
// never runs or maps the file, and never looks for separate debug files.
package usdt
