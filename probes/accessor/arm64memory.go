// SPDX-License-Identifier: Apache-2.0

package accessor

// loadStore is ldr, ldrb, ldrh, ldrsb, ldrsh, ldrsw and str of general
// registers, with an offset, before or after which the base may change; ldar
// and stlr too.
func (w word) loadStore() ([]step, bool) {
	if ordered := w.bits & 0x3ffffc00; ordered == 0x08dffc00 || ordered == 0x089ffc00 {
		size := uint8(1) << w.field(30, 2)
		s := step{op: opStore, memory: memory{base: w.base(5)}, a: inRegister(w.register(0)), size: size}
		if w.field(22, 1) == 1 {
			s = step{op: opLoad, dst: w.register(0), memory: s.memory, size: size, extend: max(size, 4)}
		}
		return []step{s}, true
	}
	if w.field(27, 3) != 0b111 || w.field(26, 1) != 0 {
		return nil, false
	}
	size := uint8(1) << w.field(30, 2)
	base := w.base(5)
	switch {
	case w.field(24, 2) == 0b01:
		m := memory{base: base, offset: int64(w.field(10, 12)) * int64(size)}
		return w.transfer(m, size)
	case w.field(24, 2) != 0b00:
		return nil, false
	case w.field(21, 1) == 1:
		if w.field(10, 2) != 0b10 {
			return nil, false // atomics
		}
		return w.transfer(memory{base: noRegister}, size) // an index
	}
	offset := w.signed(12, 9)
	changed := step{op: opAddress, dst: base, memory: memory{base: base, offset: offset}, size: wholeRegister}
	switch w.field(10, 2) {
	case 0b00: // ldur, stur
		return w.transfer(memory{base: base, offset: offset}, size)
	case 0b01: // after
		steps, ok := w.transfer(memory{base: base}, size)
		return append(steps, changed), ok
	case 0b11: // before
		steps, ok := w.transfer(memory{base: base}, size)
		return append([]step{changed}, steps...), ok
	}
	return nil, false
}

// transfer is the load or the store itself.
func (w word) transfer(m memory, size uint8) ([]step, bool) {
	r := w.register(0)
	switch opc := w.field(22, 2); {
	case opc == 0b00:
		return []step{{op: opStore, memory: m, a: inRegister(r), size: size}}, true
	case opc == 0b01:
		return []step{{op: opLoad, dst: r, memory: m, size: size, extend: max(size, 4)}}, true
	case opc == 0b10 && size == 8:
		return nil, true // prfm
	case opc == 0b10:
		return []step{{op: opLoadSigned, dst: r, memory: m, size: size, extend: 8}}, true
	case size < 4:
		return []step{{op: opLoadSigned, dst: r, memory: m, size: size, extend: 4}}, true
	}
	return nil, false
}

// pair is ldp and stp of general registers.
func (w word) pair() ([]step, bool) {
	if w.field(27, 3) != 0b101 || w.field(26, 1) != 0 {
		return nil, false
	}
	var size uint8
	switch w.field(30, 2) {
	case 0b00:
		size = 4
	case 0b10:
		size = 8
	default:
		return nil, false
	}
	base := w.base(5)
	offset := w.signed(15, 7) * int64(size)
	m := memory{base: base, offset: offset}
	changed := step{op: opAddress, dst: base, memory: memory{base: base, offset: offset}, size: wholeRegister}
	mode := w.field(23, 3)
	if mode == 0b001 || mode == 0b011 {
		m.offset = 0
	}
	steps := w.transferPair(m, size)
	switch mode {
	case 0b000, 0b010:
		return steps, true
	case 0b001: // after
		return append(steps, changed), true
	case 0b011: // before
		return append([]step{changed}, steps...), true
	}
	return nil, false
}

// transferPair loads by way of the scratch register, since the base may be one
// of the two.
func (w word) transferPair(m memory, size uint8) []step {
	first, second := w.register(0), w.register(10)
	next := memory{base: m.base, offset: m.offset + int64(size)}
	if w.field(22, 1) == 0 {
		return []step{
			{op: opStore, memory: m, a: inRegister(first), size: size},
			{op: opStore, memory: next, a: inRegister(second), size: size},
		}
	}
	return []step{
		{op: opLoad, dst: scratch, memory: m, size: size, extend: 8},
		{op: opLoad, dst: second, memory: next, size: size, extend: 8},
		{op: opMove, dst: first, a: inRegister(scratch), size: 8},
	}
}
