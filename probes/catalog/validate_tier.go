// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/bridge"
)

// part is what a probe is for in its tier, by its key in the profile.
type part string

const (
	partStart part = "start"
	partNote  part = "note"
	partDone  part = "done"
	partPoint part = "point"
)

// site is a probe as the validator looks at it.
type site struct {
	*Probe
	part part
	tier *Tier
}

// sites returns the probes of the tier with what they are for.
func (t *Tier) sites() []site {
	var all []site
	for _, list := range []struct {
		part   part
		probes Probes
	}{{partStart, t.Start}, {partNote, t.Note}, {partDone, t.Done}, {partPoint, t.Point}} {
		for _, probe := range list.probes {
			all = append(all, site{probe, list.part, t})
		}
	}
	return all
}

func (v *validator) tier(op *Operation, t *Tier) {
	v.shape(op, t)
	v.manner(op, t)
	v.addresses(t)
	if t.Kernel() {
		v.kernelTier(op, t)
	}
	for _, s := range t.sites() {
		v.probe(op, s)
		v.detailed(op, s)
	}
	v.notes(t)
	v.limits(t)
	var variables []string
	for _, r := range t.Requires {
		variables = append(variables, r.Variable)
	}
	v.unique(t.At, "requires", variables)
}

// shape checks that a tier has start and done, or point, as the others of its
// operation. What runs in a sequence may end with the next start alone.
func (v *validator) shape(op *Operation, t *Tier) {
	pair, point := t.At.has("start") || t.At.has("done"), t.At.has("point")
	whole := t.At.has("start") && (t.At.has("done") || op.Sequence)
	switch {
	case v.broken(t.At.Path):
	case pair == point || (pair && !whole):
		v.add(t.At.Fault("want start and done, or point"))
	case point != op.Point():
		v.add(t.At.Fault("the tiers of an operation have all start and done, or all point"))
	case point && t.Recursive != nil:
		v.add(t.At.at("recursive", "a point operation has no duration"))
	case point && t.At.has("note"):
		v.add(t.At.at("note", "a point operation has no duration"))
	}
}

// manner checks what says how operations of the tier follow each other.
func (v *validator) manner(op *Operation, t *Tier) {
	if t.At.has("detail") && !t.Detail.Includes(op.Detail) {
		v.add(t.At.at("detail", "%s is coarser than the operation's, %s", t.Detail, op.Detail))
	}
	if t.Follows {
		switch {
		case op.Point():
			v.add(t.At.at("follows", "a point operation has no duration"))
		case op.Inline():
			v.add(t.At.at("follows", "an operation with a parent does not follow another one; see sequence"))
		case op.Recurses(t):
			v.add(t.At.at("follows", "what nests in itself cannot follow itself too: an end would belong to either"))
		}
	}
	if !op.Sequence {
		return
	}
	if t.At.has("recursive") && *t.Recursive {
		v.add(t.At.at("recursive", "a sequence does not nest: each start ends the one before"))
	}
	if t.At.has("note") {
		v.add(t.At.at("note", "a sequence has no notes"))
	}
	for _, probe := range t.Done {
		if len(probe.Captures) > 0 {
			v.add(probe.At.at("capture", "a sequence captures at its start"))
		}
	}
}

// notes checks what ends wait for.
func (v *validator) notes(t *Tier) {
	var last, waiting *Probe
	for _, s := range t.sites() {
		if s.part == partNote && s.Last {
			last = s.Probe
			if s.At.has("detail") && s.Detail != t.Detail {
				v.add(s.At.at("detail", "an end waits for this note, which has to be attached whenever the tier is"))
			}
		}
		if s.part == partDone && s.AfterNote {
			waiting = s.Probe
		}
	}
	if v.broken(t.At.Path) {
		return
	}
	switch {
	case waiting != nil && last == nil:
		v.add(waiting.At.at("after_note", "no note of the tier is the last one: set last there"))
	case last != nil && waiting == nil:
		v.add(last.At.at("last", "no end of the tier waits for it: set after_note there"))
	}
}

// addresses reports those that stand twice in a tier, where one hit would count
// for two, and alternatives of different kinds. In the kernel one hit ends what
// is open and begins the next, in that order.
func (v *validator) addresses(t *Tier) {
	lines := make(map[Address]int)
	for _, probe := range t.Probes() {
		for _, a := range probe.Addresses {
			if a == (Address{}) {
				continue
			}
			if line, twice := lines[a]; twice && !a.Kind.Kernel() {
				v.add(probe.At.at("probe", "%s stands on line %d too; a probe has one part in a tier", a, line))
				continue
			}
			lines[a] = probe.At.Line
			if first := probe.Addresses[0].Kind; first != "" && a.Kind != first && !(first.Kernel() && a.Kind.Kernel()) {
				v.add(probe.At.at("probe", "alternatives are of one kind, since arguments differ between %s and %s: write two tiers", first, a.Kind))
			}
		}
	}
}

// with checks that a tier goes with what comes before it.
func (v *validator) with(p *Profile, op *Operation, t *Tier) {
	for i, w := range t.With {
		name, tier, _ := strings.Cut(w, "/")
		other := p.Operations.Find(name)
		before := other != nil && slices.Index(p.Operations, other) < slices.Index(p.Operations, op)
		if w != "" && (!before || !slices.ContainsFunc(other.Tiers, func(o *Tier) bool { return o.Name == tier })) {
			v.add(t.At.at(fmt.Sprintf("with[%d]", i), "no operation before this one has the tier %s", w))
		}
	}
}

// limits checks that the captures of a tier fit into a record, and that those
// of one name can share a slot.
func (v *validator) limits(t *Tier) {
	first := make(map[string]*Capture)
	texts := 0
	for _, probe := range t.Probes() {
		for _, c := range probe.Captures {
			other, again := first[c.Name]
			if !again {
				first[c.Name] = c
				if c.Type == TypeSQL {
					texts++
				}
				continue
			}
			if c.Type != "" && other.Type != "" && c.Type != other.Type {
				v.add(c.At.at("type", "%s here and %s on line %d; a capture has one type in a tier", c.Type, other.Type, other.At.Line))
			}
		}
	}
	slots := t.Slots()
	if n := len(slots.Values); n > bridge.MaxValues {
		v.add(t.At.Fault("%d integer captures are too many, want at most %d in all probes of a tier", n, bridge.MaxValues))
	}
	if n := len(slots.Strings); n > bridge.MaxStrings {
		v.add(t.At.Fault("%d string captures are too many, want at most %d in all probes of a tier", n, bridge.MaxStrings))
	}
	if n := t.StringBytes(); n > MaxStringsBytes {
		v.add(t.At.Fault("string captures of %d bytes are too many, want at most %d by their max in start, notes and done together", n, MaxStringsBytes))
	}
	if texts > 1 {
		v.add(t.At.Fault("%d sql captures are too many, want at most 1 in all probes of a tier", texts))
	}
}

// longest returns the most bytes that the strings of one of the probes can take.
func longest(probes Probes) int {
	most := 0
	for _, probe := range probes {
		most = max(most, total(Probes{probe}))
	}
	return most
}

// keptOnce returns how many bytes are counted more than once, though only the
// first of captures of that name takes them.
func (t *Tier) keptOnce() int {
	bytes := 0
	seen := make(map[string]bool)
	for _, probe := range t.Probes() {
		for _, c := range probe.Captures {
			if c.First && c.Type.Text() && seen[c.Name] {
				bytes += c.Max
			}
			seen[c.Name] = seen[c.Name] || c.First
		}
	}
	return bytes
}

// total returns the most bytes that the strings of all the probes can take.
func total(probes Probes) int {
	sum := 0
	for _, probe := range probes {
		for _, c := range probe.Captures {
			if c.Type.Text() {
				sum += c.Max
			}
		}
	}
	return sum
}
