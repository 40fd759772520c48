// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"bytes"
	"fmt"

	"golang.org/x/arch/x86/x86asm"
)

// x86 decodes x86-64.
type x86 struct{}

const x86Stack = register(4)

// convention is that of the System V ABI, AMD64 supplement, §3.2.
func (x86) convention() *convention {
	c := &convention{
		arguments: []register{7, 6, 2, 1, 8, 9},
		results:   [2]register{0, 2},
		stack:     x86Stack,
		link:      noRegister,
	}
	for _, r := range []register{3, x86Stack, 5, 12, 13, 14, 15} {
		c.kept[r] = true
	}
	return c
}

// endbr64 is not known to x86asm.
var endbr64 = []byte{0xf3, 0x0f, 0x1e, 0xfa}

func (x86) decode(code []byte, address uint64) (instruction, string) {
	if bytes.HasPrefix(code, endbr64) {
		return instruction{length: 4, text: "endbr64", landing: true}, ""
	}
	inst, err := x86asm.Decode(code, 64)
	if err != nil || inst.Len == 0 || inst.Len > len(code) {
		return instruction{}, fmt.Sprintf("an instruction at %#x that is not known", address)
	}
	t := &translation{inst: &inst, next: address + uint64(inst.Len)}
	if !t.translate() {
		return instruction{}, "an instruction that is not followed: " + x86asm.GNUSyntax(inst, address, nil)
	}
	out := instruction{length: uint64(inst.Len), steps: t.steps}
	if inst.Op == x86asm.CALL || inst.Op == x86asm.JMP {
		out.text = x86asm.GNUSyntax(inst, address, nil)
	}
	return out, ""
}

// translation tells one x86 instruction as steps.
type translation struct {
	inst  *x86asm.Inst
	next  uint64 // address of the instruction behind
	steps []step
}

func (t *translation) emit(s step) bool {
	t.steps = append(t.steps, s)
	return true
}

// translate is false for instructions that are not modelled.
func (t *translation) translate() bool {
	switch op := t.inst.Op; op {
	case x86asm.NOP, x86asm.PREFETCHT0, x86asm.PREFETCHNTA, x86asm.PREFETCHW:
		return true
	case x86asm.MOV, x86asm.MOVZX:
		return t.move()
	case x86asm.MOVSX, x86asm.MOVSXD:
		return t.moveSigned()
	case x86asm.CDQE:
		return t.emit(step{op: opSigned, dst: 0, a: inRegister(0), size: 4, extend: 8})
	case x86asm.LEA:
		return t.address()
	case x86asm.XCHG:
		return t.exchange()
	case x86asm.PUSH, x86asm.POP, x86asm.LEAVE:
		return t.stack()
	case x86asm.CMP, x86asm.TEST:
		return t.compare()
	case x86asm.ADD, x86asm.SUB, x86asm.INC, x86asm.DEC, x86asm.XADD:
		return t.arithmetic()
	case x86asm.XOR, x86asm.SBB, x86asm.AND, x86asm.OR, x86asm.SHL, x86asm.SHR, x86asm.SAR,
		x86asm.NOT, x86asm.NEG, x86asm.IMUL, x86asm.ADC, x86asm.ROL, x86asm.ROR, x86asm.BSWAP:
		return t.clobber()
	case x86asm.JMP:
		return t.jump()
	case x86asm.CALL:
		s := step{op: opCall}
		if rel, ok := t.inst.Args[0].(x86asm.Rel); ok {
			s.target = t.next + uint64(int64(rel))
		}
		return t.emit(s)
	case x86asm.RET:
		return t.inst.Args[0] == nil && t.emitReturn()
	default:
		return t.conditional(op)
	}
}

func (t *translation) emitReturn() bool {
	// The return address lies where the stack pointer was at the entry.
	return t.emit(step{op: opReturn, a: inRegister(noRegister)})
}

// move is mov and movzx.
func (t *translation) move() bool {
	dst, src := t.inst.Args[0], t.inst.Args[1]
	if m, ok := dst.(x86asm.Mem); ok {
		a, size, ok := t.source(src)
		if !ok || a.register == noRegister {
			size = uint8(t.inst.MemBytes)
		}
		return ok && t.emit(step{op: opStore, memory: t.memory(m), a: a, size: size})
	}
	to, width, ok := generalRegister(dst)
	if !ok {
		return false
	}
	if m, isMemory := src.(x86asm.Mem); isMemory {
		return t.emit(step{op: opLoad, dst: to, memory: t.memory(m), size: uint8(t.inst.MemBytes), extend: width})
	}
	a, size, ok := t.source(src)
	if !ok {
		return false
	}
	if a.register != noRegister && size < width {
		// movzx: the low bytes, and 0 above them.
		t.emit(step{op: opMove, dst: scratch, a: number(0), size: wholeRegister})
		t.emit(step{op: opMove, dst: scratch, a: a, size: size})
		a = inRegister(scratch)
	}
	return t.emit(step{op: opMove, dst: to, a: a, size: width})
}

func (t *translation) moveSigned() bool {
	to, width, ok := generalRegister(t.inst.Args[0])
	if !ok {
		return false
	}
	if m, isMemory := t.inst.Args[1].(x86asm.Mem); isMemory {
		return t.emit(step{op: opLoadSigned, dst: to, memory: t.memory(m), size: uint8(t.inst.MemBytes), extend: width})
	}
	a, size, ok := t.source(t.inst.Args[1])
	return ok && t.emit(step{op: opSigned, dst: to, a: a, size: size, extend: width})
}

func (t *translation) address() bool {
	to, width, ok := generalRegister(t.inst.Args[0])
	m, isMemory := t.inst.Args[1].(x86asm.Mem)
	return ok && isMemory && t.emit(step{op: opAddress, dst: to, memory: t.memory(m), size: width})
}

// exchange is xchg of a register and memory, or of two registers.
func (t *translation) exchange() bool {
	dst, src := t.inst.Args[0], t.inst.Args[1]
	if _, ok := src.(x86asm.Mem); ok {
		dst, src = src, dst
	}
	r, width, ok := generalRegister(src)
	if !ok {
		return false
	}
	if m, isMemory := dst.(x86asm.Mem); isMemory {
		t.emit(step{op: opLoad, dst: scratch, memory: t.memory(m), size: width})
		t.emit(step{op: opStore, memory: t.memory(m), a: inRegister(r), size: width})
		return t.emit(step{op: opMove, dst: r, a: inRegister(scratch), size: width})
	}
	other, width, ok := generalRegister(dst)
	t.emit(step{op: opMove, dst: scratch, a: inRegister(r), size: wholeRegister})
	t.emit(step{op: opMove, dst: r, a: inRegister(other), size: width})
	return ok && t.emit(step{op: opMove, dst: other, a: inRegister(scratch), size: width})
}

// stack is push, pop and leave, of whole registers and constants.
func (t *translation) stack() bool {
	top := memory{base: x86Stack}
	if t.inst.Op == x86asm.LEAVE {
		t.emit(step{op: opMove, dst: x86Stack, a: inRegister(5), size: wholeRegister})
		t.emit(step{op: opLoad, dst: 5, memory: top, size: pointerSize})
		return t.emit(step{op: opAddress, dst: x86Stack, memory: memory{base: x86Stack, offset: 8}, size: wholeRegister})
	}
	a, size, ok := t.source(t.inst.Args[0])
	if !ok || a.register != noRegister && size != wholeRegister {
		return false
	}
	if t.inst.Op == x86asm.PUSH {
		t.emit(step{op: opAddress, dst: x86Stack, memory: memory{base: x86Stack, offset: -8}, size: wholeRegister})
		return t.emit(step{op: opStore, memory: top, a: a, size: pointerSize})
	}
	if a.register == noRegister || a.register == x86Stack {
		return false
	}
	t.emit(step{op: opLoad, dst: a.register, memory: top, size: pointerSize})
	return t.emit(step{op: opAddress, dst: x86Stack, memory: memory{base: x86Stack, offset: 8}, size: wholeRegister})
}

// jump is a jump without a condition.
func (t *translation) jump() bool {
	if rel, ok := t.inst.Args[0].(x86asm.Rel); ok {
		return t.emit(step{op: opJump, target: t.next + uint64(int64(rel))})
	}
	return t.emit(step{op: opLeave})
}
