// SPDX-License-Identifier: Apache-2.0

// Package accessor decodes the machine code of very small functions into
// chains of loads. MySQL and MariaDB export such functions: a getter that is
// one load from its first argument, with a test for null before it perhaps, or
// a setter that is one store. What they tell is where a field of a structure
// lies in this build of the server, so no table of offsets is needed.
//
// The code is run on symbols instead of numbers: a register holds "argument 0
// plus 8", or "what lies 0x40 bytes behind that", or a constant. Both ways of
// every branch are taken. A getter is accepted when all ways to its end return
// the value of one chain, or 0 where the function has found a pointer on that
// chain to be null. Everything else is refused with the reason: a call, an
// instruction that is not known, two different values, a load through a
// register that is not known. Nothing is guessed, and all work is bounded.
//
// x86-64 (System V calling convention) and arm64 (AAPCS64) are served.
//
// The package is pure: it never opens a file, never reads a process and never
// runs the code.
package accessor
