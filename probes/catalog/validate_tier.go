// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"strconv"

	"github.com/spanbridge/spanbridge/bridge"
)

func (v *validator) tier(op *Operation, t *Tier) {
	v.shape(op, t)
	v.sites(t)
	for _, list := range []struct {
		key    string
		probes Probes
	}{{"start", t.Start}, {"done", t.Done}, {"point", t.Point}} {
		for _, probe := range list.probes {
			if list.key == "done" && probe.When != nil {
				v.add(probe.At.at("when", "a condition stands at start and point probes only"))
			}
			if list.key == "point" && len(probe.Captures) > 0 {
				v.add(probe.At.at("capture", "point operations are only counted: nothing is captured there"))
			}
			v.probe(probe)
		}
	}
	v.limits(t)
}

// shape checks that a tier has start and done, or point, as the others of its
// operation.
func (v *validator) shape(op *Operation, t *Tier) {
	pair, point := t.At.has("start") || t.At.has("done"), t.At.has("point")
	whole := t.At.has("start") && t.At.has("done")
	switch {
	case v.broken(t.At.Path):
	case pair == point || (pair && !whole):
		v.add(t.At.Fault("want start and done, or point"))
	case point != op.Point():
		v.add(t.At.Fault("the tiers of an operation have all start and done, or all point"))
	case point && t.Recursive != nil:
		v.add(t.At.at("recursive", "a point operation has no duration"))
	}
}

// sites reports addresses that stand twice in a tier, where one hit would
// count for two, and alternatives of different kinds.
func (v *validator) sites(t *Tier) {
	lines := make(map[Address]int)
	for _, probe := range t.Probes() {
		for _, a := range probe.Addresses {
			if a == (Address{}) {
				continue
			}
			if line, twice := lines[a]; twice {
				v.add(probe.At.at("probe", "%s stands on line %d too; a probe has one part in a tier", a, line))
				continue
			}
			lines[a] = probe.At.Line
			if first := probe.Addresses[0].Kind; first != "" && a.Kind != first {
				v.add(probe.At.at("probe", "alternatives are of one kind, since arguments differ between %s and %s: write two tiers", first, a.Kind))
			}
		}
	}
}

func (v *validator) probe(p *Probe) {
	if n := len(p.Captures); n > MaxProbeCaptures {
		v.add(p.At.at("capture", "%d captures are too many for a probe, want at most %d", n, MaxProbeCaptures))
	}
	if p.When != nil {
		v.uniqueNumbers(p.When.At, "in", p.When.In)
	}
	for _, c := range p.Captures {
		v.capture(p, c)
	}
}

func (v *validator) uniqueNumbers(at Where, key string, numbers []int) {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.Itoa(n)
	}
	v.unique(at, key, texts)
}

func (v *validator) capture(p *Probe, c *Capture) {
	if c.At.has("max") && c.Type != TypeString && c.Type != "" {
		v.add(c.At.at("max", "only a string has max, not %s", c.Type))
	}
	if c.Length != nil && c.Type != TypeSQL && c.Type != "" {
		v.add(c.At.at("length", "only sql has a length, not %s", c.Type))
	}
	if len(c.When) == 0 {
		return
	}
	v.uniqueNumbers(c.At, "when", c.When)
	if p.When == nil {
		if !v.broken(p.At.Path + ".when") {
			v.add(c.At.at("when", "needs the probe's own when, of which it takes some values"))
		}
		return
	}
	for _, value := range c.When {
		if !slices.Contains(p.When.In, value) && !v.broken(p.When.At.Path) {
			v.add(c.At.at("when", "%d is not among the values of the probe's when", value))
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
	if n := max(longest(t.Start)+longest(t.Done), longest(t.Point)); n > MaxStringsBytes {
		v.add(t.At.Fault("string captures of %d bytes are too many, want at most %d by their max in start and done together", n, MaxStringsBytes))
	}
	if texts > 1 {
		v.add(t.At.Fault("%d sql captures are too many, want at most 1 in all probes of a tier", texts))
	}
}

// longest returns the most bytes that the strings of one of the probes can take.
func longest(probes Probes) int {
	most := 0
	for _, probe := range probes {
		sum := 0
		for _, c := range probe.Captures {
			if c.Type == TypeString {
				sum += c.Max
			}
		}
		most = max(most, sum)
	}
	return most
}
