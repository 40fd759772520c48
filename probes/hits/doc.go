// SPDX-License-Identifier: Apache-2.0

// Package hits measures on this host what one hit of a probe takes of the thread that
// hits it, by the kind of the probe and by the instruction at its site, and how
// fast records go through a ring buffer.
//
// The functions that are probed are this program's own, written in assembly so that
// each begins with a certain instruction: nothing is compiled, and no other process
// meets a probe. The programs at the probes are empty, so that the figures are those
// of the kernel: what spanbridge's own programs add is in docs/overhead.md.
//
// A figure is processor time of the thread, with a probe and without it, in slices
// that take turns. A slice is several runs of some milliseconds, of which the
// shortest counts: what else the machine does makes a run only longer.
package hits
