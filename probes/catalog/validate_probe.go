// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"strconv"
)

func (v *validator) probe(op *Operation, s site) {
	if n := len(s.Captures); n > MaxProbeCaptures {
		v.add(s.At.at("capture", "%d captures are too many for a probe, want at most %d", n, MaxProbeCaptures))
	}
	v.part(op, s)
	v.calls(s)
	v.argNames(s)
	v.kernelKeys(s)
	if s.When != nil {
		v.uniqueNumbers(s.When.At, "in", s.When.In)
		v.window(s.When)
	}
	for _, c := range s.Captures {
		v.source(s, c)
		v.typed(s, c)
	}
	if len(s.Captures) <= MaxProbeCaptures {
		for _, c := range s.Captures {
			v.conditions(s, c)
		}
		v.circleOfConditions(s)
	}
}

// part checks that a probe has the keys of what it is for.
func (v *validator) part(op *Operation, s site) {
	if s.When != nil {
		v.conditionSource(s)
	}
	if s.When != nil && s.part == partNote && !s.Kernel() {
		v.add(s.At.at("when", "a note has no condition"))
	}
	if s.When != nil && s.part == partStart && !s.Kernel() && s.When.Base() != 0 && !v.broken(s.When.At.Path) {
		v.add(s.When.At.at("in", "the values of a start are from 0 to %d", MaxWhen))
	}
	v.ending(op, s)
	if s.part == partPoint && len(s.Captures) > 0 {
		v.add(s.At.at("capture", "point operations are only counted: nothing is captured there"))
	}
	if s.part != partNote && s.At.has("detail") {
		v.add(s.At.at("detail", "only a note has a detail of its own: an operation is attached whole"))
	}
	if s.part != partNote && s.Last {
		v.add(s.At.at("last", "only a note is the last one"))
	}
	if s.part != partDone && s.AfterNote {
		v.add(s.At.at("after_note", "only an end waits for a note"))
	}
	if s.Announces && !(s.part == partNote && op.Inline()) {
		v.announcement(s)
	}
	if s.returns() && !s.Kernel() && (s.part == partStart || s.part == partPoint) {
		v.add(s.At.at("probe", "only an end or a note is at the return of a function"))
	}
}

// ending checks what says whether a hit begins or ends an operation.
func (v *validator) ending(op *Operation, s site) {
	for key, given := range map[string]bool{"if": s.If != "", "optional": s.Optional} {
		if given && s.part != partDone && (key != "optional" || s.part != partNote || !op.Inline()) {
			v.add(s.At.at(key, "only an end has it"))
		}
	}
	if s.If != "" && s.tier.Slots().Value(s.If) < 0 && !v.broken(s.tier.At.Path) {
		v.add(s.At.at("if", "the tier captures no integer %q", s.If))
	}
	if !s.Tentative {
		return
	}
	if s.part != partStart || s.tier.Follows || s.Announces {
		v.add(s.At.at("tentative", "only a start is tentative, in a tier without follows"))
	}
	for _, c := range s.Captures {
		if !c.Type.Integer() && c.Type != "" {
			v.add(c.At.at("type", "a tentative start captures integers only"))
		}
	}
}

// window checks that the values of a condition fit into one set.
func (v *validator) window(c *Condition) {
	for _, value := range c.In {
		if value&^MaxWhen != c.Base() && !v.broken(c.At.Path) {
			v.add(c.At.at("in", "%d and %d are too far apart, want values between two multiples of %d", c.In[0], value, MaxWhen+1))
			return
		}
	}
}

// announcement checks a start that only another start or an end makes one.
func (v *validator) announcement(s site) {
	switch {
	case s.part != partStart || !s.tier.Follows:
		v.add(s.At.at("announces", "only a start announces, in a tier with follows"))
	case !slices.ContainsFunc(s.tier.Start, func(p *Probe) bool { return !p.Announces }):
		v.add(s.At.at("announces", "needs another start: the one that is announced"))
	}
	for _, key := range []string{"when", "capture"} {
		if s.At.has(key) {
			v.add(s.At.at(key, "where an operation is announced nothing is read; it has its place at the start that follows"))
		}
	}
}

// calls checks a probe that is hit where its function is called.
func (v *validator) calls(s site) {
	if s.Except != nil && !s.AtCalls {
		v.add(s.At.at("except", "needs at_calls: calls are left out only where they are hit"))
	}
	if !s.AtCalls {
		return
	}
	for _, a := range s.Addresses {
		if a.Kind != Uprobe || a.Offset != 0 {
			v.add(s.At.at("at_calls", "%s: only a uprobe without an offset is at calls", a))
		}
	}
}

// returns reports whether the probe is at the return of a function.
func (p *Probe) returns() bool {
	return slices.ContainsFunc(p.Addresses, func(a Address) bool { return a.Kind.Returns() })
}

// forgets reports whether arguments are gone where the probe is.
func (p *Probe) forgets() bool {
	return slices.ContainsFunc(p.Addresses, func(a Address) bool { return a.Kind == Uretprobe || a.Kind == Kretprobe })
}

// argNames checks the names of arguments.
func (v *validator) argNames(s site) {
	if s.returns() && len(s.Args) > 0 {
		v.add(s.At.at("args", "when a function returns its arguments are gone; begin paths at a capture of the start"))
	}
	for _, arg := range s.Args {
		if v.paths.Find(arg.Name) != nil {
			v.add(arg.At.Fault("a path has this name too"))
		}
	}
}

func (v *validator) uniqueNumbers(at Where, key string, numbers []int) {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.Itoa(n)
	}
	v.unique(at, key, texts)
}

// conditions checks on what it depends whether a capture is read.
func (v *validator) conditions(s site, c *Capture) {
	if c.If != "" {
		v.condition(s, c)
	}
	if len(c.When) == 0 {
		return
	}
	v.uniqueNumbers(c.At, "when", c.When)
	if s.When == nil {
		if !v.broken(s.At.Path + ".when") {
			v.add(c.At.at("when", "needs the probe's own when, of which it takes some values"))
		}
		return
	}
	for _, value := range c.When {
		if !slices.Contains(s.When.In, value) && !v.broken(s.When.At.Path) {
			v.add(c.At.at("when", "%d is not among the values of the probe's when", value))
		}
	}
}

// condition checks that what a capture depends on is an integer that is read
// before it, or at the same probe.
func (v *validator) condition(s site, c *Capture) {
	var names []string
	known := false
	for _, other := range s.tier.sites() {
		for _, candidate := range other.Captures {
			known = known || candidate.Name == c.If
			if !candidate.Type.Integer() || !other.before(s) {
				continue
			}
			if candidate.Name == c.If {
				return
			}
			names = append(names, candidate.Name)
		}
	}
	switch {
	case v.broken(s.tier.At.Path):
	case known:
		v.add(c.At.at("if", "%s is no integer that is captured here or before", c.If))
	default:
		v.add(c.At.at("if", "the tier captures no %q%s", c.If, didYouMean(c.If, names)))
	}
}

// before reports whether a hit of the probe can come before one of the other,
// or is the same.
func (s site) before(other site) bool {
	if s.part == other.part && s.part != partNote {
		return s.Probe == other.Probe
	}
	order := []part{partStart, partNote, partDone}
	return slices.Index(order, s.part) <= slices.Index(order, other.part)
}

// circleOfConditions reports captures of a probe that wait for each other.
func (v *validator) circleOfConditions(s site) {
	for _, c := range s.Captures {
		next := c
		for range s.Captures {
			if next = s.Captures.Find(next.If); next == nil {
				break
			}
			if next == c {
				v.add(c.At.at("if", "it depends on itself"))
				break
			}
		}
	}
}
