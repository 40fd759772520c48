// SPDX-License-Identifier: Apache-2.0

// Package vm runs tests on Debian's kernels in virtual machines (run.sh), reads
// what their consoles say, and makes the table of docs/kernels.md of it: what each
// kernel grants.
//
// It holds no code that the product uses.
package vm
