// SPDX-License-Identifier: Apache-2.0

// Package elffile reads ELF files that need not be trusted: it checks their
// headers before debug/elf sees them, which trusts every size, and streams
// their symbol tables within fixed limits.
//
// It serves 64-bit little-endian x86-64 and arm64 executables, shared objects
// and the separate debug files of both. It never opens a path, never closes a
// file and keeps nothing between calls.
package elffile
