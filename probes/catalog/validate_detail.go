// SPDX-License-Identifier: Apache-2.0

package catalog

import "slices"

// details checks what an operation with a parent captures: integers, of which the
// first is carried by the record around it, and at its notes what else is told of it.
func (v *validator) details(t *Tier) {
	for _, s := range t.sites() {
		for _, c := range s.Captures {
			v.detail(s, c)
		}
	}
	slots := t.Slots()
	if len(t.Note) == 0 {
		return
	}
	if n := len(slots.Values); n > MaxDetailValues {
		v.add(t.At.Fault("%d integer captures are too many for an operation with a parent and notes, want at most %d", n, MaxDetailValues))
	}
	if n := len(slots.Strings); n > MaxDetailNames {
		v.add(t.At.Fault("%d names are too many for an operation with a parent, want at most %d", n, MaxDetailNames))
	}
}

// detail checks one capture of an operation with a parent.
func (v *validator) detail(s site, c *Capture) {
	switch {
	case c.Type == "" || c.Type.Integer():
	case s.part != partNote:
		v.add(c.At.at("type", "an operation with a parent captures integers only, but at notes"))
	case c.Type != TypeString && c.Type != TypeMDLKey:
		v.add(c.At.at("type", "a note of an operation with a parent captures integers, string and mdl_key, not %s", c.Type))
	}
	if s.part != partNote {
		return
	}
	for key, given := range map[string]bool{"time": c.Time, "captured": c.Captured != "", "max": c.At.has("max")} {
		if given {
			v.add(c.At.at(key, "a note of an operation with a parent does not have it"))
		}
	}
}

// noted reports whether a note of the tier captures that.
func (t *Tier) noted(name string) bool {
	return slices.ContainsFunc(t.Note, func(p *Probe) bool { return p.Captures.Find(name) != nil })
}

// detailed checks what only notes of an operation with a parent have.
func (v *validator) detailed(op *Operation, s site) {
	if s.part == partNote && op.Inline() {
		if len(s.Of) == 0 && !op.Sequence && !v.broken(s.At.Path) {
			v.add(s.At.Fault("a note of an operation with a parent needs of: for which values it holds"))
		}
		v.uniqueNumbers(s.At, "of", s.Of)
		for key, given := range map[string]bool{"detail": s.At.has("detail"), "given": s.Given != ""} {
			if given {
				v.add(s.At.at(key, "a note of an operation with a parent does not have it"))
			}
		}
		for _, c := range s.Captures {
			if c.Same != "" {
				v.follow(s, c.At, c.Same)
			}
			for key, given := range map[string]bool{"same": c.Same != "", "sole": c.Sole} {
				if given && !c.Type.Integer() && c.Type != "" {
					v.add(c.At.at(key, "only an integer has it, not %s", c.Type))
				}
			}
		}
		return
	}
	const only = "only a note of an operation with a parent has it"
	if len(s.Of) > 0 {
		v.add(s.At.at("of", only))
	}
	for _, c := range s.Captures {
		for key, given := range map[string]bool{"same": c.Same != "", "sole": c.Sole} {
			if given {
				v.add(c.At.at(key, only))
			}
		}
		if c.Type == TypeMDLKey && !op.Inline() {
			v.add(c.At.at("type", "%s: %s", TypeMDLKey, only))
		}
	}
}
