// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/arch/arm64/arm64asm"
)

// arm64 decodes AArch64. The fields are taken from the word itself, by the
// encodings of the Arm Architecture Reference Manual (DDI 0487), chapter C4:
// arm64asm, which names what is refused, keeps offsets to itself.
type arm64 struct{}

const linkRegister = register(30)

// convention is that of AAPCS64, §6.
func (arm64) convention() *convention {
	c := &convention{results: [2]register{0, 1}, stack: spRegister, link: linkRegister}
	for r := range register(maxArguments) {
		c.arguments = append(c.arguments, r)
	}
	for r := register(19); r <= 29; r++ {
		c.kept[r] = true
	}
	c.kept[spRegister] = true
	return c
}

func (arm64) decode(code []byte, address uint64) (instruction, string) {
	if len(code) < 4 {
		return instruction{}, fmt.Sprintf("half an instruction at %#x", address)
	}
	w := word{bits: binary.LittleEndian.Uint32(code), address: address}
	out := instruction{length: 4}
	var ok bool
	for _, group := range []func(word) ([]step, bool){
		word.hint, word.branch, word.loadStore, word.pair, word.immediate, word.logical, word.bitfield, word.registers,
	} {
		if out.steps, ok = group(w); ok {
			break
		}
	}
	if !ok {
		return instruction{}, "an instruction that is not followed: " + w.name(code)
	}
	switch last := len(out.steps) - 1; {
	case last >= 0 && (out.steps[last].op == opCall || out.steps[last].op == opLeave):
		out.text = w.name(code)
		if target := out.steps[last].target; target != 0 {
			out.text = fmt.Sprintf("bl %#x", target)
		}
	case w.bits == 0xd503245f || w.bits == 0xd50324df:
		out.landing = true // bti c, bti jc
	}
	return out, ""
}

// word is one instruction.
type word struct {
	bits    uint32
	address uint64
}

// name gives the assembler's text.
func (w word) name(code []byte) string {
	inst, err := arm64asm.Decode(code[:4])
	if err != nil {
		return fmt.Sprintf(".inst %#08x", w.bits)
	}
	return arm64asm.GNUSyntax(inst)
}

// field gives bits from low, n of them.
func (w word) field(low, n uint) uint32 { return w.bits >> low & (1<<n - 1) }

// signed gives bits from low, n of them, with their sign.
func (w word) signed(low, n uint) int64 {
	return int64(uint64(w.field(low, n))<<(64-n)) >> (64 - n)
}

// register gives the register of a field, 31 being the zero register.
func (w word) register(low uint) register {
	if r := register(w.field(low, 5)); r != 31 {
		return r
	}
	return zeroRegister
}

// base gives the register of a field, 31 being the stack pointer.
func (w word) base(low uint) register {
	if r := register(w.field(low, 5)); r != 31 {
		return r
	}
	return spRegister
}

// size gives 8 where the instruction works on x registers, else 4.
func (w word) size() uint8 {
	if w.bits>>31 == 1 {
		return 8
	}
	return 4
}

// target gives the address that is n bits of words away.
func (w word) target(low, n uint) uint64 { return w.address + uint64(w.signed(low, n)*4) }

// hint is nop, bti, and the signing of return addresses, which changes only
// how the return address is written.
func (w word) hint() ([]step, bool) { return nil, w.bits&0xfffff01f == 0xd503201f }

// armConditions are those of the condition field, for unsigned and signed
// comparisons.
var armConditions = [16]condition{
	condEqual, condNotEqual, condAboveOrEqual, condBelow, condOther, condOther, condOther, condOther,
	condAbove, condBelowOrEqual, condGreaterOrEqual, condLess, condGreater, condLessOrEqual, condOther, condOther,
}

// branch is b, bl, b.cond, cbz, cbnz, tbz, tbnz, ret, br and blr.
func (w word) branch() ([]step, bool) {
	switch {
	case w.field(26, 6) == 0b000101:
		return []step{{op: opJump, target: w.target(0, 26)}}, true
	case w.field(26, 6) == 0b100101:
		return []step{{op: opCall, target: w.target(0, 26)}}, true
	case w.field(24, 8) == 0b01010100 && w.field(4, 1) == 0:
		s := step{op: opBranch, condition: armConditions[w.field(0, 4)], target: w.target(5, 19)}
		if w.field(0, 4) >= 14 { // always
			s = step{op: opJump, target: s.target}
		}
		return []step{s}, true
	case w.field(25, 6) == 0b011010:
		c := condition(w.field(24, 1)) // condEqual, condNotEqual
		return w.branchByTest(inRegister(w.register(0)), c, w.target(5, 19)), true
	case w.field(25, 6) == 0b011011:
		bit := w.field(31, 1)<<5 | w.field(19, 5)
		return w.branchByTest(number(1<<bit), condition(w.field(24, 1)), w.target(5, 14)), true
	case w.bits&0xfffffc1f == 0xd65f0000:
		return []step{{op: opReturn, a: inRegister(w.register(5))}}, true
	case w.bits == 0xd65f0bff: // retaa
		return []step{{op: opReturn, a: inRegister(linkRegister)}}, true
	case w.bits&0xfffffc1f == 0xd61f0000:
		return []step{{op: opLeave}}, true
	case w.bits&0xfffffc1f == 0xd63f0000:
		return []step{{op: opCall}}, true
	}
	return nil, false
}

// branchByTest is cbz and tbz, which leave the flags as they are.
func (w word) branchByTest(with operand, c condition, target uint64) []step {
	return []step{
		{op: opTestApart, a: inRegister(w.register(0)), b: with, size: w.size()},
		{op: opBranch, condition: c, target: target, apart: true},
	}
}
