// SPDX-License-Identifier: Apache-2.0

package hits

//go:noescape
func repeat(function uintptr, times int)

//go:noescape
func addresses(of *[8]uintptr)

// functions are those of functions_amd64.s. What the kernel emulates it says in
// arch/x86/kernel/uprobes.c: push_setup_xol_ops, branch_setup_xol_ops and, since
// Linux 6.18, arch_uprobe_optimize for a no-operation of five bytes.
func functions() []function {
	var at [8]uintptr
	addresses(&at)
	return []function{
		{name: "nop", what: "no-operation of one byte, emulated: the site of a USDT probe", address: at[0]},
		{name: "nop5", what: "no-operation of five bytes, without a trap since Linux 6.18", address: at[1]},
		{name: "push", what: "push of a register, emulated", address: at[2]},
		{name: "jump", what: "relative jump, emulated", address: at[3]},
		{name: "call", what: "relative call, emulated", address: at[4]},
		{name: "endbr64", what: "begin of a function built with -fcf-protection, single-stepped", address: at[5]},
		{name: "mov", what: "any other instruction, single-stepped", address: at[6]},
		{name: "return", what: "a push, and the return of its function", address: at[7], returns: true},
	}
}
