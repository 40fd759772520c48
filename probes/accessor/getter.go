// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"cmp"
	"debug/elf"
	"slices"
)

// DecodeGetter decodes the function at a virtual address as a getter of its
// first argument. Errors wrap [ErrRefused] and say why.
func DecodeGetter(machine elf.Machine, code Code, address uint64) (*Getter, error) {
	c, ways, err := explore(machine, code, Function{Address: address}, false)
	if err != nil {
		return nil, err
	}
	for _, w := range ways {
		if err := checkReads(w); err != nil {
			return nil, err
		}
	}
	g := &Getter{}
	g.addOut(ways, code)
	first, err := g.addRegister(ways, code, c.results[0])
	switch {
	case first:
		_, _ = g.addRegister(ways, code, c.results[1])
	case len(g.Out) == 0:
		return nil, err
	}
	return g, nil
}

// checkReads refuses ways that do not end in a return and ways that write to
// more than the stack and the places that further arguments point to.
func checkReads(w outcome) error {
	if w.stopped != "" {
		return refuse("%s", w.stopped)
	}
	for _, st := range w.stores {
		if st.place.kind != walked || st.place.walk.arg == 0 || st.place.walk.loads != 1 {
			return refuse("a store that a getter does not have")
		}
	}
	return nil
}

// candidate is what one way gives for a result.
type candidate struct {
	way   *state
	value value
}

// merged is the one value that all ways agree on.
type merged struct {
	value value
	empty bool
}

// addRegister adds the chain that a register holds at the end of all ways.
func (g *Getter) addRegister(ways []outcome, code Code, r register) (bool, error) {
	candidates := make([]candidate, 0, len(ways))
	for _, w := range ways {
		candidates = append(candidates, candidate{w.state, w.simplified(w.registers[r])})
	}
	m, err := merge(candidates, code)
	if err != nil {
		return false, err
	}
	g.Results = append(g.Results, m.value.chain())
	g.Empty = g.Empty || m.empty
	return true, nil
}

// merge gives the chain that all ways agree on. A way that gives a constant
// must have found a null pointer on that chain.
func merge(candidates []candidate, code Code) (merged, error) {
	var m merged
	for _, c := range candidates {
		switch c.value.kind {
		case constant, static:
			continue
		case walked:
			if err := checkResult(c.value); err != nil {
				return m, err
			}
		case unknown:
			return m, refuse("the result is %s", c.value.why)
		case truth:
			return m, refuse("the result is that of a comparison")
		default:
			return m, refuse("the result is not a value that is loaded")
		}
		if m.value.kind == walked && m.value != c.value {
			return m, refuse("the result is one of two values, by a test")
		}
		m.value = c.value
	}
	if m.value.kind != walked {
		return m, refuse("the result is a constant")
	}
	for _, c := range candidates {
		if c.value.kind == walked {
			continue
		}
		if !c.way.foundNull(m.value) {
			return m, refuse("the result is a constant by a test other than for null")
		}
		if err := m.checkNull(c.value, code); err != nil {
			return m, err
		}
	}
	return m, nil
}

// checkResult refuses values that a chain cannot tell.
func checkResult(v value) error {
	if v.walk.arg != 0 {
		return refuse("the result does not come from the first argument")
	}
	return checkWhole(v)
}

// checkWhole refuses values of which a chain would tell too much or too little.
func checkWhole(v value) error {
	switch {
	case v.walk.loads == 0 && v.walk.size != pointerSize:
		return refuse("the result is a part of an argument")
	case v.add != 0 && (v.walk.size != pointerSize || v.width != wholeRegister):
		return refuse("the result is arithmetic on a number")
	case v.width < v.walk.size:
		return refuse("the result is a part of a register")
	}
	return nil
}

// checkNull accepts what a way returns that has found a null pointer: 0, or
// the address of an empty string.
func (m *merged) checkNull(v value, code Code) error {
	if v.kind == constant {
		if v.width < m.value.walk.size || v.add != 0 && v.width < wholeRegister {
			return refuse("the result is a part of a register where a pointer is null")
		}
		if v.add != 0 {
			return refuse("the result is %d where a pointer is null", v.add)
		}
		return nil
	}
	text, err := code.At(uint64(v.add), 1)
	if err != nil || len(text) == 0 || text[0] != 0 {
		return refuse("the result is a fixed address where a pointer is null, and no empty string")
	}
	m.empty = true
	return nil
}

// foundNull reports whether a way has found a pointer on a chain to be null,
// so that the chain gives 0. The chain's own value counts only if nothing is
// added to it, or if it is the argument.
func (s *state) foundNull(v value) bool {
	for _, a := range s.assumptions {
		w := a.value.walk
		if !a.zero || w.arg != v.walk.arg || w.loads > v.walk.loads ||
			w.offsets != prefix(v.walk.offsets, w.loads) {
			continue
		}
		if w.loads < v.walk.loads || w.loads == 0 {
			if w.size == pointerSize {
				return true
			}
			continue
		}
		if v.add == 0 && w.size == v.walk.size {
			return true
		}
	}
	return false
}

// prefix gives the first n offsets, and 0 behind them.
func prefix(offsets [MaxLoads]int32, n uint8) (out [MaxLoads]int32) {
	copy(out[:n], offsets[:n])
	return out
}

// addOut adds the chains that are stored through further arguments, if each
// place gets one chain on every way on which it was given.
func (g *Getter) addOut(ways []outcome, code Code) {
	var out []Chain
	empty := false
	for _, p := range outPlaces(ways) {
		var candidates []candidate
		for _, w := range ways {
			v, ok := w.lastStore(p)
			switch {
			case ok:
				candidates = append(candidates, candidate{w.state, w.simplified(v)})
			case !w.foundNull(argumentValue(int(p.arg))):
				return
			}
		}
		m, err := merge(candidates, code)
		if err != nil || m.value.walk.size > p.size {
			return
		}
		out = append(out, m.value.chain())
		empty = empty || m.empty
	}
	g.Out, g.Empty = out, empty
}

// outPlaces gives the places that any way stores to, in order.
func outPlaces(ways []outcome) []walk {
	var places []walk
	for _, w := range ways {
		for _, st := range w.stores {
			if !slices.Contains(places, st.place.walk) {
				places = append(places, st.place.walk)
			}
		}
	}
	slices.SortFunc(places, func(a, b walk) int {
		return cmp.Or(cmp.Compare(a.arg, b.arg), cmp.Compare(a.offsets[0], b.offsets[0]), cmp.Compare(a.size, b.size))
	})
	return places
}

// lastStore gives the value that is at a place in the end.
func (s *state) lastStore(place walk) (value, bool) {
	for _, st := range slices.Backward(s.stores) {
		if st.place.walk == place {
			return st.value, true
		}
	}
	return value{}, false
}
