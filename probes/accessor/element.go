// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"math"

	"golang.org/x/arch/x86/x86asm"
)

// Element is a field of the element of a static table that a static variable
// selects: what the variable counts from 0, and it is negative where there is no
// element. PostgreSQL keeps the errors that are being handled so
// (src/backend/utils/error/elog.c).
type Element struct {
	Index  uint64 // virtual address of the variable, a signed number of 4 bytes
	Field  uint64 // virtual address of the field in element 0
	Stride int32  // bytes from one element to the next
	Size   uint8  // bytes of the field
}

// maxStride bounds the size of an element in bytes.
const maxStride = 1 << 16

// DecodeElement decodes the function at a virtual address, which takes no
// argument, as one that returns a field of the selected element. Only x86-64 is
// served. Errors wrap [ErrRefused] and say why.
func DecodeElement(machine elf.Machine, code Code, address uint64) (*Element, error) {
	if machine != elf.EM_X86_64 {
		return nil, refuse("code of %s is not served", machine)
	}
	d := &elementDecoder{}
	for range maxPathSteps {
		bytes, err := code.At(address, 16)
		if err != nil {
			return nil, refuse("%v", err)
		}
		if len(bytes) >= len(endbr64) && string(bytes[:len(endbr64)]) == string(endbr64) {
			address += uint64(len(endbr64))
			continue
		}
		inst, err := x86asm.Decode(bytes, 64)
		if err != nil || inst.Len == 0 || inst.Len > len(bytes) {
			return nil, refuse("an instruction at %#x that is not known", address)
		}
		d.next = address + uint64(inst.Len)
		if inst.Op == x86asm.RET {
			return d.result()
		}
		if !d.step(&inst) {
			return nil, refuse("an instruction that is not followed: %s", x86asm.GNUSyntax(inst, address, nil))
		}
		address = d.next
	}
	return nil, refuse("it is too long")
}

// product is base + index × factor: what a register holds, if that is known.
type product struct {
	known  bool
	base   int64
	index  uint64 // address of the variable, 0 for none
	factor int64
}

// elementDecoder follows one way through a function: that of an index which is
// not negative.
type elementDecoder struct {
	next      uint64 // address of the instruction behind
	registers [registers]product
	field     *Element // what the first result register holds
	tested    bool     // flags are those of the index
}

func (d *elementDecoder) result() (*Element, error) {
	if d.field == nil {
		return nil, refuse("it does not return a field of a table")
	}
	return d.field, nil
}

// step is false for what is not followed.
func (d *elementDecoder) step(inst *x86asm.Inst) bool {
	dst, size, isRegister := generalRegister(inst.Args[0])
	switch inst.Op {
	case x86asm.NOP:
		return true
	case x86asm.PUSH, x86asm.POP:
		return isRegister && dst == register(5) // rbp: the frame of the function
	case x86asm.TEST, x86asm.CMP:
		d.tested = isRegister && d.registers[dst].index != 0 && d.registers[dst].factor == 1
		return d.tested
	case x86asm.JS, x86asm.JL:
		return d.tested
	case x86asm.MOV, x86asm.MOVSXD:
		return isRegister && d.move(dst, inst)
	case x86asm.LEA, x86asm.IMUL, x86asm.ADD, x86asm.SHL, x86asm.CDQE:
		d.tested = false
		if inst.Op == x86asm.CDQE {
			return true
		}
		return isRegister && size == wholeRegister && d.set(dst, d.computed(inst, dst))
	}
	return false
}

func (d *elementDecoder) set(dst register, v product) bool {
	d.registers[dst] = v
	if dst == 0 {
		d.field = nil
	}
	return v.known
}

// move loads the index or the field, or copies a register.
func (d *elementDecoder) move(dst register, inst *x86asm.Inst) bool {
	if from, _, ok := generalRegister(inst.Args[1]); ok {
		return dst == register(5) || d.set(dst, d.registers[from])
	}
	m, ok := inst.Args[1].(x86asm.Mem)
	if !ok {
		return false
	}
	if m.Base == x86asm.RIP && m.Segment == 0 && inst.MemBytes == 4 {
		return d.set(dst, product{known: true, index: d.next + uint64(m.Disp), factor: 1})
	}
	at := d.place(m)
	if !at.known || at.index == 0 || at.base <= 0 || at.factor <= 0 || at.factor > maxStride || dst != 0 {
		return false
	}
	d.set(dst, product{})
	d.field = &Element{Index: at.index, Field: uint64(at.base), Stride: int32(at.factor), Size: uint8(inst.MemBytes)}
	return true
}

// place gives the address of a memory operand.
func (d *elementDecoder) place(m x86asm.Mem) product {
	if m.Segment != 0 {
		return product{}
	}
	if m.Base == x86asm.RIP {
		return product{known: true, base: int64(d.next) + m.Disp}
	}
	at := product{known: true, base: m.Disp}
	for _, part := range []struct {
		reg   x86asm.Reg
		scale int64
	}{{m.Base, 1}, {m.Index, int64(m.Scale)}} {
		if part.reg == 0 {
			continue
		}
		r, _, ok := generalRegister(part.reg)
		if !ok {
			return product{}
		}
		at = at.plus(d.registers[r].times(part.scale))
	}
	return at
}

func (d *elementDecoder) computed(inst *x86asm.Inst, dst register) product {
	old := d.registers[dst]
	switch inst.Op {
	case x86asm.LEA:
		if m, ok := inst.Args[1].(x86asm.Mem); ok {
			return d.place(m)
		}
	case x86asm.IMUL:
		from, _, ok := generalRegister(inst.Args[1])
		by, isNumber := inst.Args[2].(x86asm.Imm)
		if ok && isNumber {
			return d.registers[from].times(int64(by))
		}
	case x86asm.SHL:
		if by, ok := inst.Args[1].(x86asm.Imm); ok && by >= 0 && by < 16 {
			return old.times(1 << by)
		}
	case x86asm.ADD:
		if from, _, ok := generalRegister(inst.Args[1]); ok {
			return old.plus(d.registers[from])
		}
		if by, ok := inst.Args[1].(x86asm.Imm); ok {
			return old.plus(product{known: true, base: int64(by)})
		}
	}
	return product{}
}

func (s product) times(by int64) product {
	if !s.known || by <= 0 || by > maxStride || s.factor > maxStride || (by != 1 && (s.base > math.MaxInt32 || s.base < math.MinInt32)) {
		return product{}
	}
	return product{known: true, base: s.base * by, index: s.index, factor: s.factor * by}
}

func (s product) plus(other product) product {
	if !s.known || !other.known || s.index != 0 && other.index != 0 && s.index != other.index {
		return product{}
	}
	return product{known: true, base: s.base + other.base, index: s.index | other.index, factor: s.factor + other.factor}
}
