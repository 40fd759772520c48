// SPDX-License-Identifier: Apache-2.0

package accessor

import "debug/elf"

// DecodePredicate decodes the function at a virtual address as a comparison of
// what a chain from its first argument gives with a constant. Only functions
// without branches are. Errors wrap [ErrRefused] and say why.
func DecodePredicate(machine elf.Machine, code Code, address uint64) (*Predicate, error) {
	c, ways, err := explore(machine, code, Function{Address: address}, false)
	if err != nil {
		return nil, err
	}
	if err := checkReads(ways[0]); err != nil {
		return nil, err
	}
	v := ways[0].registers[c.results[0]]
	if len(ways) != 1 || v.kind != truth {
		return nil, refuse("the result is not that of one comparison")
	}
	if v.walk.arg != 0 || v.walk.loads == 0 {
		return nil, refuse("the comparison is not of what the first argument points to")
	}
	return v.predicate(), nil
}

// predicate gives the exported form of a truth. The function compares
// test.size bytes; the chain's value has 8, so it is extended by its sign where
// the comparison is signed, and the constant in the same way.
func (v value) predicate() *Predicate {
	p := &Predicate{Mask: v.test.mask, Compare: Comparison(v.test.condition), Value: v.test.with}
	signed := v.test.condition >= condLess && v.test.condition <= condGreaterOrEqual
	if signed && v.walk.size == v.test.size && v.walk.size < wholeRegister {
		v.walk.signed = true
	}
	if !signed && !v.walk.signed {
		p.Value = numberValue(v.test.with).low(v.test.size).add
	}
	p.Chain = v.chain()
	return p
}
