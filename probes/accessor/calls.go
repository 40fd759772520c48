// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"slices"
)

// Passed is what a call is given for one of its arguments.
type Passed struct {
	// Known says that the value was followed; then Chain leads to it from
	// argument Arg of the function that calls.
	Known bool
	Arg   uint8
	Chain Chain
}

// Call is a call in a function, or a jump in its last place to where a register
// or memory says.
type Call struct {
	Site   uint64 // the virtual address of the instruction
	Target uint64 // 0 where a register or memory says it
	Args   []Passed
}

// Calls are the calls that were met on the ways through a function.
type Calls []Call

// DecodeCalls decodes what the function at a virtual address passes on: a
// function that hands a field to another tells where the field is. Errors wrap
// [ErrRefused] and say why.
func DecodeCalls(machine elf.Machine, code Code, address uint64) (Calls, error) {
	return DecodeCallsOf(machine, code, Function{Address: address})
}

// DecodeCallsOf is DecodeCalls for a function of which more is known.
func DecodeCallsOf(machine elf.Machine, code Code, f Function) (Calls, error) {
	c, ways, err := explore(machine, code, f, true)
	if err != nil {
		return nil, err
	}
	var calls Calls
	for _, w := range ways {
		for _, p := range w.calls {
			calls = calls.with(p, len(c.arguments))
		}
	}
	if len(calls) == 0 {
		return nil, refuse("no call was met")
	}
	slices.SortFunc(calls, func(a, b Call) int { return int(int64(a.Site - b.Site)) })
	return calls, nil
}

// with adds a call. What differs from another way's is not known.
func (c Calls) with(p passed, arguments int) Calls {
	args := make([]Passed, arguments)
	for i := range args {
		v := p.values[i]
		if v.kind == walked && checkWhole(v) == nil {
			args[i] = Passed{Known: true, Arg: v.walk.arg, Chain: v.chain()}
		}
	}
	for i := range c {
		if c[i].Site != p.site {
			continue
		}
		for j := range args {
			if !c[i].Args[j].equal(args[j]) {
				c[i].Args[j] = Passed{}
			}
		}
		return c
	}
	return append(c, Call{Site: p.site, Target: p.target, Args: args})
}

func (p Passed) equal(other Passed) bool {
	return p.Known == other.Known && p.Arg == other.Arg && p.Chain.equal(other.Chain)
}

func (c Chain) equal(other Chain) bool {
	return slices.Equal(c.Offsets, other.Offsets) && c.Add == other.Add && c.Size == other.Size && c.Signed == other.Signed
}

// To returns the calls of the function at an address.
func (c Calls) To(target uint64) Calls {
	return slices.DeleteFunc(slices.Clone(c), func(call Call) bool { return call.Target != target })
}

// Copied gives the place behind the first argument that an argument's text is
// copied to: what a call that is given this argument second, as strmake and
// memcpy are, is given first. All such calls must agree.
func (c Calls) Copied(arg uint8) (Chain, bool) {
	var place Chain
	found := false
	for _, call := range c {
		to, from := call.Args[0], call.Args[1]
		if !from.Known || from.Arg != arg || len(from.Chain.Offsets) > 0 || from.Chain.Add != 0 {
			continue
		}
		if !to.Known || to.Arg != 0 || found && !place.equal(to.Chain) {
			return Chain{}, false
		}
		place, found = to.Chain, true
	}
	return place, found
}

// Argument gives what the calls are given for argument n, counted from 0, if
// all calls agree and it is a field of the structure that is the caller's own
// argument number from.
func (c Calls) Argument(n, from int) (Chain, bool) {
	if n < 0 || len(c) == 0 || n >= len(c[0].Args) {
		return Chain{}, false
	}
	first := c[0].Args[n]
	if !first.Known || int(first.Arg) != from {
		return Chain{}, false
	}
	for _, call := range c {
		if !call.Args[n].equal(first) {
			return Chain{}, false
		}
	}
	return first.Chain, true
}
