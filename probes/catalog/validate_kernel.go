// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"

	"github.com/spanbridge/spanbridge/bridge"
)

// ofHost checks that a profile without processes needs none.
func (v *validator) ofHost(p *Profile) {
	if !p.OfHost() || v.broken("match") {
		return
	}
	for _, op := range p.Operations {
		for _, t := range op.Tiers {
			if len(t.Probes()) > 0 && !t.Kernel() && !v.broken(t.At.Path) {
				v.add(p.At.at("match", "required: the tier %s of %s is in a program", t.Name, op.Name))
				return
			}
		}
	}
}

// kernelTier reports what only programs have.
func (v *validator) kernelTier(op *Operation, t *Tier) {
	for key, given := range map[string]bool{"follows": t.Follows, "requires": len(t.Requires) > 0} {
		if given {
			v.add(t.At.at(key, "probes in the kernel do not have it"))
		}
	}
	for key, given := range map[string]bool{
		"sequence": op.Sequence, "shields": op.Shields, "keep": op.Keep != "", "names_from": op.NamesFrom != nil,
		"phases": len(op.Phases) > 0, "joins": len(op.Joins) > 0, "recursive": op.Recurses(t),
	} {
		if given {
			v.add(op.At.at(key, "probes in the kernel, of the tier %s, do not have it", t.Name))
		}
	}
	for _, s := range t.sites() {
		if len(s.Addresses) > 0 && !s.Kernel() {
			v.add(s.At.at("probe", "the other probes of the tier are in the kernel"))
		}
		for key, given := range map[string]bool{
			"if": s.If != "", "tentative": s.Tentative, "announces": s.Announces,
			"last": s.Last, "after_note": s.AfterNote, "args": len(s.Args) > 0,
		} {
			if given {
				v.add(s.At.at(key, "a probe in the kernel does not have it"))
			}
		}
		if s.part != partPoint && len(t.Start) > 0 && len(s.Key) != len(t.Start[0].Key) && !v.broken(t.At.Path) {
			v.add(s.At.at("key", "starts and ends of a tier find each other by the same number of fields"))
		}
		if s.part == partPoint && len(s.Key) > 0 {
			v.add(s.At.at("key", "a point operation has no end to be found"))
		}
	}
	for _, key := range op.given("children") {
		if op.Inline() {
			v.add(op.At.at(key, "an operation with a parent belongs to the process of that one"))
		}
	}
	v.insideKernel(op, t)
	strings := len(t.Slots().Strings)
	if strings >= maxKernelStrings+1 {
		v.add(t.At.Fault("%d string captures are too many, want at most %d beside the name of the thread", strings, maxKernelStrings))
	}
}

// insideKernel checks what an operation with a parent captures, which is kept with
// the others that ride in a record.
func (v *validator) insideKernel(op *Operation, t *Tier) {
	slots := t.Slots()
	switch {
	case !op.Inline():
	case len(t.Note) > 0:
		v.add(t.Note[0].At.at("probe", "an operation with a parent has no notes, at probes in the kernel"))
	case len(slots.Strings) > 0:
		v.add(slots.Strings[0].At.at("type", "an operation with a parent captures integers only, at probes in the kernel"))
	case len(slots.Values) > 1+bridge.MoreValues:
		v.add(slots.Values[1+bridge.MoreValues].At.Fault("an operation with a parent captures at most %d integers, at probes in the kernel", 1+bridge.MoreValues))
	}
}

// maxKernelStrings leaves one string of a record to the name of the thread.
const maxKernelStrings = 5

// kernelKeys reports what goes with probes in the kernel only, and what does not.
func (v *validator) kernelKeys(s site) {
	if len(s.Key) > 0 && !s.Kernel() && !v.broken(s.At.Path) {
		v.add(s.At.at("key", "only a probe in the kernel has a key; in a program operations belong to their threads"))
	}
	if s.Owner != "" && !s.Kernel() && !v.broken(s.At.Path) {
		v.add(s.At.at("owner", "only a probe in the kernel has it; in a program operations belong to their threads"))
	}
	if s.Owner != "" && len(s.Key) == 0 && s.Kernel() {
		v.add(s.At.at("owner", "needs key: without it an operation belongs to its thread"))
	}
	for key, given := range map[string]bool{"key": len(s.Key) > 0, "owner": s.Owner != ""} {
		if given && s.forgets() {
			v.add(s.At.at(key, "when a function returns its arguments are gone"))
		}
	}
	for _, c := range s.Captures {
		for key, given := range map[string]bool{
			"field": len(c.Field) > 0, "task": len(c.Task) > 0, "user": c.User, "end": len(c.End) > 0, "errno": c.Errno,
			"descriptor": c.Descriptor != "", "bits": len(c.Bits) > 0,
		} {
			if given && !s.Kernel() && !v.broken(s.At.Path) {
				v.add(c.At.at(key, "only a probe in the kernel has it"))
			}
		}
		for key, given := range map[string]bool{
			"path": c.Path != "", "variable": c.Variable != "", "needs": c.Needs != "", "when": len(c.When) > 0,
		} {
			if given && s.Kernel() {
				v.add(c.At.at(key, "a probe in the kernel does not have it"))
			}
		}
		if c.Descriptor != "" && len(c.Field) == 0 && !v.broken(c.At.Path) {
			v.add(c.At.at("descriptor", "needs field: what of the file"))
		}
		if len(c.Bits) > 0 && !c.Type.Integer() {
			v.add(c.At.at("bits", "only an integer has bits, not %s", c.Type))
		}
		v.bits(c.At, c.Bits)
		if c.Errno && (!c.Type.Integer() || c.Equals != nil) {
			v.add(c.At.at("errno", "an error number is an integer, and not compared"))
		}
		if s.Kernel() && (c.Type == TypeSQL || c.Type == TypeTraceparent) {
			v.add(c.At.at("type", "%s is of programs only", c.Type))
		}
		if !s.Kernel() && (c.Type == TypeAddress || c.Type == TypeArguments) && !v.broken(s.At.Path) {
			v.add(c.At.at("type", "%s is of probes in the kernel only", c.Type))
		}
	}
}

// conditionSource checks where the value of a condition is.
func (v *validator) conditionSource(s site) {
	w := s.When
	v.bits(w.At, w.Bits)
	for key, given := range map[string]bool{"bits": len(w.Bits) > 0, "descriptor": w.Descriptor != ""} {
		if given && !s.Kernel() && !v.broken(s.At.Path) {
			v.add(w.At.at(key, "only a probe in the kernel has it"))
		}
	}
	if w.Descriptor != "" && len(w.Field) == 0 && !v.broken(w.At.Path) {
		v.add(w.At.at("descriptor", "needs field: what of the file"))
	}
	var given []string
	for _, one := range []struct {
		key   string
		given bool
	}{{"arg", w.Arg != nil}, {"field", len(w.Field) > 0}, {"returned", w.Returned}} {
		if one.given {
			given = append(given, one.key)
		}
	}
	switch {
	case v.broken(w.At.Path):
	case len(given) == 0 && !s.Kernel():
		v.add(w.At.at("arg", "required"))
	case len(given) == 0:
		v.add(w.At.Fault("want one of arg, field, returned"))
	case len(given) > 1:
		v.add(w.At.at(given[1], "a value begins in one place"))
	case !s.Kernel() && given[0] != "arg" && !v.broken(s.At.Path):
		v.add(w.At.at(given[0], "only a probe in the kernel has it"))
	case w.Returned && !s.returns():
		v.add(w.At.at("returned", "only at the return of a function is there a result"))
	case !w.Returned && s.forgets():
		v.add(w.At.at(given[0], "when a function returns its arguments are gone; returned is its result"))
	}
}

// by checks what the histogram tells apart.
func (v *validator) by(op *Operation) {
	if len(op.By) == 0 || v.broken(op.At.Path) {
		return
	}
	if op.Metric == "" {
		v.add(op.At.at("by", "needs metric: what it divides"))
	}
	most := MaxByIntegers
	if op.Apart {
		most = 1
	} else if slices.ContainsFunc(op.Tiers, func(t *Tier) bool { return !t.Kernel() }) {
		v.add(op.At.at("by", "only probes in the kernel have it, and operations apart"))
	}
	v.unique(op.At, "by", op.By)
	strings, integers := 0, 0
	for _, name := range op.By {
		captures := op.capturesOf(name)
		if len(captures) == 0 {
			v.unknownCapture(op, op.At, "by", name)
			continue
		}
		switch t := captures[0].Type; {
		case t.Integer():
			integers++
		case t == TypeString:
			strings++
			if op.Apart && name != op.Roles.Namespace {
				v.add(op.At.at("by", "the capture %s is not the namespace", name))
			}
		default:
			v.add(op.At.at("by", "the capture %s has the type %s, want string or an integer type", name, t))
		}
	}
	if strings > 1 || integers > most {
		v.add(op.At.at("by", "%d strings and %d integers are too many, want at most 1 and %d", strings, integers, most))
	}
}

// spanCapture checks whose value is the name of spans.
func (v *validator) spanCapture(op *Operation) {
	name := op.SpanCapture()
	if name == "" || v.broken(op.At.Path) {
		return
	}
	if slices.ContainsFunc(op.Tiers, func(t *Tier) bool { return !t.Kernel() }) || op.Inline() {
		v.add(op.At.at("span", "only operations without a parent, at probes in the kernel, are named by a capture"))
	}
	if len(op.capturesOf(name)) == 0 {
		v.unknownCapture(op, op.At, "span", name)
	}
}

// bits checks which part of a value is meant.
func (v *validator) bits(at Where, bits []int) {
	if len(bits) == 2 && (bits[1] == 0 || bits[0]+bits[1] > 64) {
		v.add(at.at("bits", "%d bits from bit %d on are none of 64", bits[1], bits[0]))
	}
}
