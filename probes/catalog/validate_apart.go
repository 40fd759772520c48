// SPDX-License-Identifier: Apache-2.0

package catalog

import "slices"

// apart checks an operation that nests in no others.
func (v *validator) apart(p *Profile, op *Operation) {
	if !op.Apart {
		if op.Only != "" {
			v.add(op.At.at("only", "only an operation apart has it"))
		}
		return
	}
	first := p.Operations[slices.IndexFunc(p.Operations, func(o *Operation) bool { return o.Apart })]
	if first != op {
		v.add(op.At.at("apart", "%s is apart already; a thread has a place for one", first.Name))
	}
	for _, key := range op.given("recursive", "sequence", "shields", "phases", "executes", "prepares", "resets", "keep") {
		v.add(op.At.at(key, "an operation apart does not have it: it nests in no others and has no commands"))
	}
	if op.Inline() {
		v.add(op.At.at("parent", "an operation apart is not inside another one"))
	}
	for _, t := range op.Tiers {
		v.apartTier(op, t)
	}
}

func (v *validator) apartTier(op *Operation, t *Tier) {
	if v.broken(t.At.Path) {
		return
	}
	if t.Kernel() {
		v.add(t.At.Fault("probes in the kernel find what they belong to by themselves: an operation apart has none"))
	}
	if t.Follows {
		v.add(t.At.at("follows", "nothing follows an operation apart"))
	}
	if op.Only != "" && t.Slots().Value(op.Only) < 0 {
		v.add(op.At.at("only", "the tier %s captures no integer %q", t.Name, op.Only))
	}
	for _, s := range t.sites() {
		if s.part == partStart && s.When != nil {
			v.add(s.At.at("when", "an operation apart begins at every hit; see given"))
		}
		if s.Tentative {
			v.add(s.At.at("tentative", "an operation apart begins at every hit"))
		}
		for _, c := range s.Captures {
			if s.part != partDone && !c.Type.Integer() && c.Type != "" {
				v.add(c.At.at("type", "an operation apart has a record at its end: before that it captures integers only"))
			}
		}
	}
}
