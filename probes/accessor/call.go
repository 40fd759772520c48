// SPDX-License-Identifier: Apache-2.0

package accessor

import "debug/elf"

// called is a call on a way, with the arguments that it hands over.
type called struct {
	target    uint64
	arguments [maxCallArguments]value
}

// maxCallArguments is how many arguments of a call are looked at.
const maxCallArguments = 6

// DecodeCall decodes what the function at a virtual address hands over as an
// argument, counted from 0, to a function that it calls at the address callee:
// a chain from its own first argument. All calls of that function, on all ways
// that the decoder can follow, must agree. Calls of others are stepped over, as
// [DecodeSetter] does. Errors wrap [ErrRefused] and say why.
func DecodeCall(machine elf.Machine, code Code, address, callee uint64, argument int) (*Chain, error) {
	a, err := architectureOf(machine)
	if err != nil {
		return nil, err
	}
	if argument < 0 || argument >= maxCallArguments {
		return nil, refuse("argument %d of a call is not in a register", argument)
	}
	ways, err := explore(a, code, address, true)
	if err != nil {
		return nil, err
	}
	var found *value
	for _, w := range ways {
		for i := range w.called {
			c := &w.called[i]
			if c.target != callee {
				continue
			}
			v := c.arguments[argument]
			if v.kind != walked || v.walk.arg != 0 || v.width != wholeRegister {
				return nil, refuse("argument %d of a call is not reached from the first argument", argument)
			}
			if found != nil && (found.walk != v.walk || found.add != v.add) {
				return nil, refuse("argument %d is one of two values, by call", argument)
			}
			found = &v
		}
	}
	if found == nil {
		return nil, refuse("no call of the function at %#x on a way that can be followed", callee)
	}
	chain := found.chain()
	return &chain, nil
}

// noteCall keeps what a call hands over, before it changes the registers.
func (s *state) noteCall(c *convention, target uint64) {
	if len(s.called) >= maxStores {
		return
	}
	call := called{target: target}
	for i, r := range c.arguments {
		if i < maxCallArguments {
			call.arguments[i] = s.registers[r]
		}
	}
	s.called = append(s.called, call)
}
