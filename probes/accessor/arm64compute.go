// SPDX-License-Identifier: Apache-2.0

package accessor

import "math/bits"

// immediate is add, adds, sub and subs (so cmp and cmn) of a constant,
// movz, movn, movk, adr and adrp.
func (w word) immediate() ([]step, bool) {
	switch {
	case w.field(23, 6) == 0b100010:
		n := int64(w.field(10, 12))
		if w.field(22, 1) == 1 {
			n <<= 12
		}
		return w.addition(w.base(5), number(n), w.base(0)), true
	case w.field(23, 6) == 0b100101:
		n := int64(w.field(5, 16)) << (16 * w.field(21, 2))
		if w.size() == 4 && w.field(22, 1) == 1 {
			return nil, false
		}
		switch w.field(29, 2) {
		case 0b00:
			return []step{{op: opMove, dst: w.register(0), a: number(^n), size: w.size()}}, true
		case 0b10:
			return []step{{op: opMove, dst: w.register(0), a: number(n), size: w.size()}}, true
		case 0b11:
			return []step{{op: opUnknown, dst: w.register(0), size: 8}}, true
		}
	case w.field(24, 5) == 0b10000:
		return w.fixedAddress(), true
	}
	return nil, false
}

// fixedAddress is adr and adrp.
func (w word) fixedAddress() []step {
	offset := w.signed(5, 19)<<2 | int64(w.field(29, 2))
	at := int64(w.address) + offset
	if w.bits>>31 == 1 {
		at = int64(w.address&^0xfff) + offset<<12
	}
	m := memory{base: noRegister, static: true, offset: at}
	return []step{{op: opAddress, dst: w.register(0), memory: m, size: wholeRegister}}
}

// addition is add or sub by bit 30, with flags by bit 29.
func (w word) addition(a register, b operand, dst register) []step {
	size := w.size()
	s := step{op: opAdd, dst: dst, a: inRegister(a), b: b, size: size}
	if w.field(30, 1) == 1 {
		s.op = opSub
	}
	if w.field(29, 1) == 0 {
		return []step{s}
	}
	flags := step{op: opNoFlags}
	if s.op == opSub {
		flags = step{op: opCompare, a: inRegister(a), b: b, size: size}
	}
	if s.dst == spRegister { // with flags, 31 is the zero register
		return []step{flags}
	}
	return []step{flags, s}
}

// logical is and, orr, eor and ands of a register and a constant.
func (w word) logical() ([]step, bool) {
	if w.field(23, 6) != 0b100100 {
		return nil, false
	}
	mask, ok := bitMask(w.field(22, 1), w.field(16, 6), w.field(10, 6), w.size())
	if !ok {
		return nil, false
	}
	a := w.register(5)
	switch w.field(29, 2) {
	case 0b01: // orr; of the zero register it is mov
		if a == zeroRegister {
			return []step{{op: opMove, dst: w.base(0), a: number(mask), size: w.size()}}, true
		}
		return []step{{op: opUnknown, dst: w.base(0), size: w.size()}}, true
	case 0b00:
		return w.and(a, mask, w.base(0)), true
	case 0b11:
		test := step{op: opTest, a: inRegister(a), b: number(mask), size: w.size()}
		return append([]step{test}, w.and(a, mask, w.register(0))...), true
	}
	return []step{{op: opUnknown, dst: w.base(0), size: w.size()}}, true
}

// and keeps the low bytes where the mask does so.
func (w word) and(a register, mask int64, dst register) []step {
	for _, size := range []uint8{1, 2, 4} {
		if uint64(mask) == 1<<(8*size)-1 {
			return zeroExtended(dst, a, size, w.size())
		}
	}
	return []step{{op: opUnknown, dst: dst, size: w.size()}}
}

// zeroExtended is the low bytes of a, and 0 above them.
func zeroExtended(dst, a register, from, to uint8) []step {
	return []step{
		{op: opMove, dst: scratch, a: number(0), size: wholeRegister},
		{op: opMove, dst: scratch, a: inRegister(a), size: from},
		{op: opMove, dst: dst, a: inRegister(scratch), size: to},
	}
}

// bitMask gives the constant of a logical instruction: a run of ones, turned,
// in elements that repeat (DecodeBitMasks in the manual's shared pseudocode).
func bitMask(n, immr, imms uint32, size uint8) (int64, bool) {
	length := bits.Len32(n<<6|^imms&0x3f) - 1
	if length < 1 || (size == 4 && n == 1) {
		return 0, false
	}
	element := uint32(1) << length
	ones, turn := imms&(element-1), immr&(element-1)
	if ones == element-1 {
		return 0, false
	}
	run := uint64(1)<<(ones+1) - 1
	whole := ^uint64(0) >> (64 - element)
	run = (run>>turn | run<<(element-turn)) & whole
	for e := element; e < 64; e *= 2 {
		run |= run << e
	}
	if size == 4 {
		run &= 1<<32 - 1
	}
	return int64(run), true
}

// bitfield is sxtb, sxth, sxtw, uxtb and uxth; other uses of sbfm and ubfm,
// such as shifts, give something not followed.
func (w word) bitfield() ([]step, bool) {
	if w.field(23, 6) != 0b100110 {
		return nil, false
	}
	dst, a := w.register(0), w.register(5)
	from := map[uint32]uint8{7: 1, 15: 2, 31: 4}[w.field(10, 6)]
	if from == 0 || w.field(16, 6) != 0 || from >= w.size() {
		return []step{{op: opUnknown, dst: dst, size: w.size()}}, true
	}
	switch w.field(29, 2) {
	case 0b00:
		return []step{{op: opSigned, dst: dst, a: inRegister(a), size: from, extend: w.size()}}, true
	case 0b10:
		return zeroExtended(dst, a, from, w.size()), true
	}
	return []step{{op: opUnknown, dst: dst, size: w.size()}}, true
}

// registers is what computes with two registers: mov, add, sub, cmp, tst, csel,
// cset.
func (w word) registers() ([]step, bool) {
	size := w.size()
	dst, a, b := w.register(0), w.register(5), w.register(16)
	switch {
	case w.field(24, 5) == 0b01010: // logical
		plain := w.field(10, 6) == 0 && w.field(21, 1) == 0 && w.field(22, 2) == 0
		switch {
		case plain && w.field(29, 2) == 0b01 && a == zeroRegister:
			return []step{{op: opMove, dst: dst, a: inRegister(b), size: size}}, true
		case plain && w.field(29, 2) == 0b11 && dst == zeroRegister:
			return []step{{op: opTest, a: inRegister(a), b: inRegister(b), size: size}}, true
		case w.field(29, 2) == 0b11:
			return []step{{op: opNoFlags}, {op: opUnknown, dst: dst, size: size}}, true
		}
		return []step{{op: opUnknown, dst: dst, size: size}}, true
	case w.field(24, 5) == 0b01011: // add, sub
		if w.field(21, 3) != 0 || w.field(10, 6) != 0 {
			return []step{{op: opNoFlags}, {op: opUnknown, dst: dst, size: size}}, true
		}
		return w.addition(a, inRegister(b), dst), true
	case w.field(21, 8) == 0b11010100 && w.field(29, 1) == 0:
		return w.conditional(dst, a, b, size), true
	}
	return nil, false
}

// conditional is csel, and cset as csinc of two zero registers.
func (w word) conditional(dst, a, b register, size uint8) []step {
	c := armConditions[w.field(12, 4)]
	op := w.field(30, 1)<<2 | w.field(10, 2)
	switch {
	case op == 0b000:
		return []step{{op: opSelect, dst: dst, a: inRegister(a), b: inRegister(b), size: size, condition: c}}
	case op == 0b001 && a == zeroRegister && b == zeroRegister:
		return []step{{op: opSet, dst: dst, size: size, condition: c.negate()}}
	}
	return []step{{op: opUnknown, dst: dst, size: size}}
}
