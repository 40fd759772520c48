// SPDX-License-Identifier: Apache-2.0

package accessor

import "golang.org/x/arch/x86/x86asm"

// generalRegister gives the number of a general register and the bytes of it
// that are named; ah to bh are not modelled.
func generalRegister(arg x86asm.Arg) (r register, size uint8, ok bool) {
	reg, ok := arg.(x86asm.Reg)
	switch {
	case !ok:
		return noRegister, 0, false
	case reg >= x86asm.AL && reg <= x86asm.BL:
		return register(reg - x86asm.AL), 1, true
	case reg >= x86asm.SPB && reg <= x86asm.R15B:
		return register(reg-x86asm.SPB) + 4, 1, true
	case reg >= x86asm.AX && reg <= x86asm.R15W:
		return register(reg - x86asm.AX), 2, true
	case reg >= x86asm.EAX && reg <= x86asm.R15L:
		return register(reg - x86asm.EAX), 4, true
	case reg >= x86asm.RAX && reg <= x86asm.R15:
		return register(reg - x86asm.RAX), 8, true
	}
	return noRegister, 0, false
}

// source gives a register with its width, or a constant.
func (t *translation) source(arg x86asm.Arg) (operand, uint8, bool) {
	if imm, ok := arg.(x86asm.Imm); ok {
		return number(int64(imm)), 0, true
	}
	r, size, ok := generalRegister(arg)
	return inRegister(r), size, ok
}

// memory gives a memory operand; an index or a segment makes it unknown.
func (t *translation) memory(m x86asm.Mem) memory {
	switch {
	case m.Segment == x86asm.FS || m.Segment == x86asm.GS || m.Index != 0:
		return memory{base: noRegister}
	case m.Base == x86asm.RIP:
		// x86asm does not extend the sign here.
		return memory{base: noRegister, static: true, offset: int64(t.next) + int64(int32(m.Disp))}
	}
	base, size, ok := generalRegister(m.Base)
	if !ok || size != wholeRegister {
		return memory{base: noRegister}
	}
	return memory{base: base, offset: m.Disp}
}

// loaded gives an operand as a register or a constant, loading memory into the
// scratch register, and its width.
func (t *translation) loaded(arg x86asm.Arg) (operand, uint8, bool) {
	if m, ok := arg.(x86asm.Mem); ok {
		size := uint8(t.inst.MemBytes)
		t.emit(step{op: opMove, dst: scratch, a: number(0), size: wholeRegister})
		t.emit(step{op: opLoad, dst: scratch, memory: t.memory(m), size: size})
		return inRegister(scratch), size, true
	}
	return t.source(arg)
}

// compare is cmp and test. A comparison of a constant or a register with what
// is in memory is turned round where that gives the same answer.
func (t *translation) compare() bool {
	op := opCompare
	if t.inst.Op == x86asm.TEST {
		op = opTest
	}
	_, first := t.inst.Args[0].(x86asm.Mem)
	_, second := t.inst.Args[1].(x86asm.Mem)
	if first && second {
		return false
	}
	a, sizeA, okA := t.loaded(t.inst.Args[0])
	b, sizeB, okB := t.loaded(t.inst.Args[1])
	return okA && okB && t.emit(step{op: op, a: a, b: b, size: max(sizeA, sizeB)})
}

// arithmetic is add, sub, inc, dec and xadd, of registers and of memory.
func (t *translation) arithmetic() bool {
	s := step{op: opAdd, dst: scratch, b: number(1)}
	if t.inst.Op == x86asm.SUB || t.inst.Op == x86asm.DEC {
		s.op = opSub
	}
	m, isMemory := t.inst.Args[0].(x86asm.Mem)
	var source x86asm.Arg = t.inst.Args[1]
	if _, two := source.(x86asm.Mem); isMemory && two {
		return false
	}
	var ok bool
	if source != nil {
		if s.b, _, ok = t.loaded(source); !ok {
			return false
		}
	}
	if !isMemory {
		r, size, ok := generalRegister(t.inst.Args[0])
		if !ok || t.inst.Op == x86asm.XADD {
			return false
		}
		s.dst, s.a, s.size = r, inRegister(r), size
		if s.op == opSub && s.b == s.a {
			s.op = opClear
		}
		t.emit(s)
		return t.emit(step{op: opNoFlags})
	}
	a, size, _ := t.loaded(m)
	s.a, s.size = a, size
	t.emit(s)
	t.emit(step{op: opStore, memory: t.memory(m), a: inRegister(scratch), size: size})
	if t.inst.Op == x86asm.XADD {
		t.emit(step{op: opUnknown, dst: s.b.register, size: wholeRegister})
	}
	return t.emit(step{op: opNoFlags})
}

// clobber is arithmetic whose result is not followed, but for a register
// cleared by xor and for the flags of and.
func (t *translation) clobber() bool {
	if m, ok := t.inst.Args[0].(x86asm.Mem); ok {
		t.emit(step{op: opUnknown, dst: scratch, size: wholeRegister})
		t.emit(step{op: opStore, memory: t.memory(m), a: inRegister(scratch), size: uint8(t.inst.MemBytes)})
		return t.emit(step{op: opNoFlags})
	}
	r, size, ok := generalRegister(t.inst.Args[0])
	if !ok {
		return false
	}
	if t.inst.Op == x86asm.IMUL && t.inst.Args[1] == nil {
		return false
	}
	if t.inst.Op == x86asm.XOR && t.inst.Args[0] == t.inst.Args[1] {
		t.emit(step{op: opClear, dst: r, size: size})
		return t.emit(step{op: opNoFlags})
	}
	flags := step{op: opNoFlags}
	if b, _, ok := t.source(t.inst.Args[1]); t.inst.Op == x86asm.AND && ok {
		flags = step{op: opTest, a: inRegister(r), b: b, size: size}
	}
	t.emit(flags)
	return t.emit(step{op: opUnknown, dst: r, size: size})
}

// x86Conditions gives for each condition the jump, the set and the move.
var x86Conditions = map[x86asm.Op]struct {
	op        operation
	condition condition
}{
	x86asm.JE: {opBranch, condEqual}, x86asm.SETE: {opSet, condEqual}, x86asm.CMOVE: {opSelect, condEqual},
	x86asm.JNE: {opBranch, condNotEqual}, x86asm.SETNE: {opSet, condNotEqual}, x86asm.CMOVNE: {opSelect, condNotEqual},
	x86asm.JL: {opBranch, condLess}, x86asm.SETL: {opSet, condLess}, x86asm.CMOVL: {opSelect, condLess},
	x86asm.JLE: {opBranch, condLessOrEqual}, x86asm.SETLE: {opSet, condLessOrEqual}, x86asm.CMOVLE: {opSelect, condLessOrEqual},
	x86asm.JG: {opBranch, condGreater}, x86asm.SETG: {opSet, condGreater}, x86asm.CMOVG: {opSelect, condGreater},
	x86asm.JGE: {opBranch, condGreaterOrEqual}, x86asm.SETGE: {opSet, condGreaterOrEqual}, x86asm.CMOVGE: {opSelect, condGreaterOrEqual},
	x86asm.JB: {opBranch, condBelow}, x86asm.SETB: {opSet, condBelow}, x86asm.CMOVB: {opSelect, condBelow},
	x86asm.JBE: {opBranch, condBelowOrEqual}, x86asm.SETBE: {opSet, condBelowOrEqual}, x86asm.CMOVBE: {opSelect, condBelowOrEqual},
	x86asm.JA: {opBranch, condAbove}, x86asm.SETA: {opSet, condAbove}, x86asm.CMOVA: {opSelect, condAbove},
	x86asm.JAE: {opBranch, condAboveOrEqual}, x86asm.SETAE: {opSet, condAboveOrEqual}, x86asm.CMOVAE: {opSelect, condAboveOrEqual},
	x86asm.JS: {opBranch, condOther}, x86asm.SETS: {opSet, condOther}, x86asm.CMOVS: {opSelect, condOther},
	x86asm.JNS: {opBranch, condOther}, x86asm.SETNS: {opSet, condOther}, x86asm.CMOVNS: {opSelect, condOther},
	x86asm.JO: {opBranch, condOther}, x86asm.JNO: {opBranch, condOther},
	x86asm.JP: {opBranch, condOther}, x86asm.JNP: {opBranch, condOther},
}

// conditional is jcc, setcc and cmovcc.
func (t *translation) conditional(op x86asm.Op) bool {
	c, ok := x86Conditions[op]
	if !ok {
		return false
	}
	s := step{op: c.op, condition: c.condition}
	switch c.op {
	case opBranch:
		rel, ok := t.inst.Args[0].(x86asm.Rel)
		s.target = t.next + uint64(int64(rel))
		return ok && t.emit(s)
	case opSet:
		if m, isMemory := t.inst.Args[0].(x86asm.Mem); isMemory {
			t.emit(step{op: opUnknown, dst: scratch, size: wholeRegister})
			return t.emit(step{op: opStore, memory: t.memory(m), a: inRegister(scratch), size: 1})
		}
		s.dst, s.size, ok = generalRegister(t.inst.Args[0])
		return ok && t.emit(s)
	}
	s.dst, s.size, ok = generalRegister(t.inst.Args[0])
	if !ok {
		return false
	}
	a, _, ok := t.loaded(t.inst.Args[1])
	s.a, s.b = a, inRegister(s.dst)
	return ok && t.emit(s)
}
