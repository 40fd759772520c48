// SPDX-License-Identifier: Apache-2.0

package accessor

// compute does a step that neither jumps nor forks; false where a limit is
// reached.
func (s *state) compute(st step) bool {
	switch st.op {
	case opMove:
		s.write(st.dst, s.read(st.a), st.size)
	case opSigned:
		s.write(st.dst, s.read(st.a).signExtended(st.size, st.extend), st.extend)
	case opLoad:
		s.write(st.dst, s.load(st.memory, st.size), max(st.size, st.extend))
	case opLoadSigned:
		s.write(st.dst, s.load(st.memory, st.size).signExtended(st.size, st.extend), st.extend)
	case opStore:
		return s.store(st.memory, s.read(st.a), st.size)
	case opAddress:
		s.write(st.dst, s.address(st.memory), st.size)
	case opAdd:
		s.write(st.dst, s.read(st.a).plusValue(s.read(st.b), st.size), st.size)
	case opSub:
		s.write(st.dst, s.minus(st), st.size)
	case opClear:
		s.write(st.dst, numberValue(0), st.size)
	case opUnknown:
		s.write(st.dst, unknownValue("arithmetic that is not followed"), st.size)
	case opCompare:
		s.flags = s.compared(st)
	case opTest:
		s.flags = s.tested(st)
	case opTestApart:
		s.apart = s.tested(st)
	case opNoFlags:
		s.flags = flags{}
	case opSet:
		s.write(st.dst, s.truth(st.condition), st.size)
	}
	return true
}

func (s *state) minus(st step) value {
	a, b := s.read(st.a), s.read(st.b)
	if b.kind == constant && b.width >= st.size {
		return a.plus(-b.add, st.size)
	}
	return unknownValue("a difference of two values")
}

// compared gives the flags of a comparison with a constant.
func (s *state) compared(st step) flags {
	with := s.read(st.b).signExtended(st.size, wholeRegister)
	if with.kind != constant {
		return flags{}
	}
	return newFlags(s.read(st.a), allOnes, with.add, st.size)
}

// tested gives the flags of a test of bits.
func (s *state) tested(st step) flags {
	if st.a == st.b && st.a.register != noRegister {
		return newFlags(s.read(st.a), allOnes, 0, st.size)
	}
	mask := s.read(st.b).low(st.size)
	if mask.kind != constant || mask.width < st.size {
		return flags{}
	}
	return newFlags(s.read(st.a), uint64(mask.add), 0, st.size)
}

func newFlags(v value, mask uint64, with int64, size uint8) flags {
	v = v.low(size)
	if v.width < size || v.kind == unknown {
		return flags{}
	}
	return flags{known: true, value: v, mask: mask, with: with, size: size}
}

// truth gives the value that a condition has, where the flags are those of a
// value that was loaded.
func (s *state) truth(c condition) value {
	f := s.flags
	if !f.known || f.value.kind != walked || f.value.add != 0 || c == condOther {
		return unknownValue("a condition that is not followed")
	}
	if f.mask != allOnes && c != condEqual && c != condNotEqual {
		return unknownValue("a condition on bits that is not followed")
	}
	return value{kind: truth, width: wholeRegister, walk: f.value.walk,
		test: comparison{c, f.mask, f.with, f.size}}
}
