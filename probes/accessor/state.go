// SPDX-License-Identifier: Apache-2.0

package accessor

import "slices"

// flags are the operands of the last comparison: value & mask against with.
type flags struct {
	known bool
	value value
	mask  uint64
	with  int64
	size  uint8
}

// assumption is what a branch has told about a value on one way.
type assumption struct {
	value value
	zero  bool
}

// slot is a value that was stored on the stack.
type slot struct {
	offset int64
	size   uint8
	value  value
}

// stored is a store outside of the stack, in the order of the way.
type stored struct {
	place value // walked with the place as its last load, or unknown
	value value
}

// passed is what a call is given.
type passed struct {
	site, target uint64 // target 0 where a register or memory says it
	values       [maxArguments]value
}

// state is one way through the function so far.
type state struct {
	pc uint64
	// variable is the address of the variable that holds argument 0, or 0.
	variable uint64
	// fell says that the instruction before has gone on to pc.
	fell      bool
	steps     int
	registers [registers]value
	flags     flags
	apart     flags // of opTestApart
	slots     []slot
	stores    []stored
	calls     []passed
	// settled is the number of stores before the last call, which may have
	// changed what they stored.
	settled     int
	assumptions []assumption
}

// newState is the state at the entry of a function.
func newState(c *convention, f Function) *state {
	s := &state{pc: f.Address, variable: f.Variable}
	for i := range s.registers {
		s.registers[i] = unknownValue("a register that the function has not set")
	}
	for i, r := range c.arguments {
		s.registers[r] = argumentValue(i)
	}
	if f.Variable != 0 {
		s.registers[c.arguments[0]] = unknownValue("the function's own argument")
	}
	s.registers[c.stack] = value{kind: stack, width: wholeRegister}
	if c.link != noRegister {
		s.registers[c.link] = value{kind: link, width: wholeRegister}
	}
	s.registers[zeroRegister] = numberValue(0)
	return s
}

// fork gives a copy that shares nothing.
func (s *state) fork() *state {
	other := *s
	other.slots = slices.Clone(s.slots)
	other.stores = slices.Clone(s.stores)
	other.calls = slices.Clone(s.calls)
	other.assumptions = slices.Clone(s.assumptions)
	return &other
}

func (s *state) read(o operand) value {
	if o.register == noRegister {
		return numberValue(o.constant)
	}
	return s.registers[o.register]
}

// write sets a register. Writes of 4 bytes clear what is above, on both
// machines; narrower ones, on x86-64 only, leave it.
func (s *state) write(r register, v value, size uint8) {
	if r == zeroRegister {
		return
	}
	v = v.low(size)
	if size < 4 && v.kind != unknown && !s.clearAbove(r, size) {
		v.width = size
	}
	s.registers[r] = v
}

// clearAbove reports whether a register is 0 above its low bytes.
func (s *state) clearAbove(r register, size uint8) bool {
	old := s.registers[r]
	return old.kind == constant && old.width == wholeRegister && uint64(old.add)>>(8*size) == 0
}

// address gives the value of a memory operand's address.
func (s *state) address(m memory) value {
	switch {
	case m.static:
		return value{kind: static, width: wholeRegister, add: m.offset}
	case m.base == noRegister:
		return unknownValue("an address with an index or a segment")
	}
	return s.registers[m.base].plus(m.offset, wholeRegister)
}

// load reads size bytes of memory.
func (s *state) load(m memory, size uint8) value {
	at := s.address(m)
	switch at.kind {
	case stack:
		return s.loadSlot(at.add, size)
	case static:
		if s.variable != 0 && uint64(at.add) == s.variable && size == pointerSize {
			return argumentValue(0)
		}
		return unknownValue("a load from a fixed address")
	case unknown:
		return at
	}
	w, why := at.at(0, size)
	if why != "" {
		return unknownValue(why)
	}
	loaded := value{kind: walked, width: wholeRegister, walk: w}
	for i, st := range slices.Backward(s.stores) {
		if st.place.kind != walked {
			return unknownValue("a load behind a store to an unknown place")
		}
		if st.place.walk.overlaps(w) {
			if i >= s.settled && st.place.walk == w && st.value.width == wholeRegister {
				return st.value
			}
			return unknownValue("a load of what was stored before")
		}
	}
	return loaded
}

// overlaps reports whether two walks end at bytes of the same structure. What
// is reached by different pointers is taken to be apart.
func (w walk) overlaps(other walk) bool {
	if w.arg != other.arg || w.loads != other.loads {
		return false
	}
	last := w.loads - 1
	for i := range last {
		if w.offsets[i] != other.offsets[i] {
			return false
		}
	}
	a, b := int64(w.offsets[last]), int64(other.offsets[last])
	return a < b+int64(other.size) && b < a+int64(w.size)
}

func (s *state) loadSlot(offset int64, size uint8) value {
	for _, sl := range s.slots {
		if sl.offset == offset && size <= sl.size {
			return sl.value.low(size)
		}
		if sl.offset < offset+int64(size) && offset < sl.offset+int64(sl.size) {
			break
		}
	}
	return unknownValue("a place on the stack that the function has not set")
}

// store writes the low size bytes of v to memory; false if there are too many.
func (s *state) store(m memory, v value, size uint8) bool {
	at := s.address(m)
	if at.kind == stack {
		return s.storeSlot(slot{at.add, size, v.low(size)})
	}
	place := unknownValue("a store to an unknown place")
	if w, why := at.at(0, size); why == "" {
		place = value{kind: walked, width: wholeRegister, walk: w}
	}
	s.stores = append(s.stores, stored{place, v.low(size)})
	return len(s.stores) <= maxStores
}

func (s *state) storeSlot(n slot) bool {
	s.slots = slices.DeleteFunc(s.slots, func(old slot) bool {
		return old.offset < n.offset+int64(n.size) && n.offset < old.offset+int64(old.size)
	})
	s.slots = append(s.slots, n)
	return len(s.slots) <= maxSlots
}

// pass notes what the registers of arguments hold at a call.
func (s *state) pass(c *convention, site, target uint64) {
	p := passed{site: site, target: target}
	for i, r := range c.arguments {
		p.values[i] = s.registers[r]
	}
	s.calls = append(s.calls, p)
}

// forget forgets what a called function may change, and what lies on the stack
// from an address on that it is given. What it does to other memory is not
// followed: the places of later stores are those of the memory by then.
func (s *state) forget(c *convention) {
	for _, r := range c.arguments {
		if v := s.registers[r]; v.kind == stack {
			s.slots = slices.DeleteFunc(s.slots, func(sl slot) bool { return sl.offset+int64(sl.size) > v.add })
		}
	}
	s.settled = len(s.stores)
	for r := range s.registers {
		if !c.kept[r] {
			s.registers[r] = unknownValue("a register that a call has changed")
		}
	}
	s.registers[zeroRegister] = numberValue(0)
	s.flags = flags{}
}

// simplified replaces a value that is known to be 0 on this way.
func (s *state) simplified(v value) value {
	if v.kind != walked {
		return v
	}
	for _, a := range s.assumptions {
		if a.zero && a.value.walk == v.walk {
			return value{kind: constant, width: v.width, add: v.add}
		}
	}
	return v
}
