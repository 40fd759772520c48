// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"

	"golang.org/x/arch/x86/x86asm"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// Cost is the class of what a probe hit at a site costs the traced thread.
type Cost string

// The classes. The kernel emulates some instructions and executes others out of
// line in single-step mode, with two traps more (arch/x86/kernel/uprobes.c).
const (
	CostEmulated Cost = "emulated"     // the cheapest at the start of a function
	CostStepped  Cost = "single-step"  // several times as much
	CostReturn   Cost = "return"       // of a function, whose entry the kernel hits unseen
	CostUnknown  Cost = "not examined" // arm64

	// In the kernel.
	CostKprobe     Cost = "kprobe"
	CostTracing    Cost = "trampoline" // fentry, fexit, raw tracepoints
	CostTracepoint Cost = "tracepoint"
)

// kernelCosts are the classes of the kinds of probes in the kernel.
var kernelCosts = map[catalog.ProbeKind]Cost{
	catalog.Kprobe: CostKprobe, catalog.Kretprobe: CostKprobe, catalog.Fentry: CostTracing, catalog.Fexit: CostTracing,
	catalog.Tracepoint: CostTracepoint, catalog.RawTracepoint: CostTracing,
}

// entrySite is where to probe a function at its entry.
type entrySite struct {
	offset uint64 // bytes behind the function's first one
	cost   Cost
}

// chooseEntry finds the first instruction of a function's entry block that
// the kernel emulates and before which no argument register was written. If
// there is none it is the first instruction.
func chooseEntry(machine elf.Machine, code []byte) entrySite {
	if machine != elf.EM_X86_64 {
		return entrySite{cost: CostUnknown}
	}
	for pos, n := 0, 0; n < 12; n++ {
		length, inst, ok := decodeX86(code[pos:])
		if !ok {
			break
		}
		if emulated(code[pos : pos+length]) {
			return entrySite{offset: uint64(pos), cost: CostEmulated}
		}
		if inst != nil && disturbs(inst) {
			break
		}
		pos += length
	}
	return entrySite{cost: CostStepped}
}

// decodeX86 returns the length of an instruction; inst is nil for endbr64,
// which x86asm does not know and which changes nothing.
func decodeX86(code []byte) (length int, inst *x86asm.Inst, ok bool) {
	if len(code) >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa {
		return 4, nil, true
	}
	decoded, err := x86asm.Decode(code, 64)
	if err != nil || decoded.Len == 0 || decoded.Len > len(code) {
		return 0, nil, false
	}
	return decoded.Len, &decoded, true
}

// emulated reports whether the kernel emulates this instruction: a one-byte
// nop, push of a register, and relative jumps and calls
// (push_setup_xol_ops and branch_setup_xol_ops).
func emulated(inst []byte) bool {
	switch op := inst[0]; {
	case len(inst) == 1:
		return op == 0x90 || op >= 0x50 && op <= 0x57
	case len(inst) == 2 && op == 0x41:
		return inst[1] >= 0x50 && inst[1] <= 0x57
	case op == 0xe8 || op == 0xe9 || op == 0xeb || op >= 0x70 && op <= 0x7f:
		return true
	case op == 0x0f && len(inst) == 6:
		return inst[1] >= 0x80 && inst[1] <= 0x8f
	}
	return false
}

// argumentRegisters are those of the System V calling convention, and the
// stack pointer.
var argumentRegisters = map[x86asm.Reg]bool{
	x86asm.RDI: true, x86asm.EDI: true, x86asm.DI: true, x86asm.DIB: true,
	x86asm.RSI: true, x86asm.ESI: true, x86asm.SI: true, x86asm.SIB: true,
	x86asm.RDX: true, x86asm.EDX: true, x86asm.DX: true, x86asm.DL: true, x86asm.DH: true,
	x86asm.RCX: true, x86asm.ECX: true, x86asm.CX: true, x86asm.CL: true, x86asm.CH: true,
	x86asm.R8: true, x86asm.R8L: true, x86asm.R8W: true, x86asm.R8B: true,
	x86asm.R9: true, x86asm.R9L: true, x86asm.R9W: true, x86asm.R9B: true,
	x86asm.RSP: true, x86asm.ESP: true, x86asm.SP: true,
}

// disturbs reports whether an instruction may change an argument register or
// leave the entry block. What is not known to be harmless disturbs.
func disturbs(inst *x86asm.Inst) bool {
	switch inst.Op {
	case x86asm.CMP, x86asm.TEST, x86asm.NOP:
		return false
	case x86asm.MOV, x86asm.LEA, x86asm.MOVZX, x86asm.MOVSX, x86asm.MOVSXD,
		x86asm.XOR, x86asm.AND, x86asm.OR, x86asm.ADD, x86asm.SUB:
		reg, isReg := inst.Args[0].(x86asm.Reg)
		return isReg && argumentRegisters[reg]
	}
	return true
}
