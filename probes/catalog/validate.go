// SPDX-License-Identifier: Apache-2.0

package catalog

import "strings"

// validator checks what concerns more than one value: references, limits of a
// record, what goes together. It reports on profiles that were decoded in part.
type validator struct {
	faults  Faults
	decoded int // faults of the decoder
	paths   Paths
}

func (v *validator) add(f *Fault) { v.faults = append(v.faults, f) }

// broken reports whether the decoder found a fault at or below that path, so that
// what is missing there may be its consequence.
func (v *validator) broken(path string) bool {
	for _, f := range v.faults[:v.decoded] {
		if rest, below := strings.CutPrefix(f.Path, path); below && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func (v *validator) profile(p *Profile) {
	v.paths = p.Paths
	v.unique(p.Match.At, "executables", p.Match.Executables)
	if p.Match.Exports != "" && p.Match.Exports == p.Match.Lacks {
		v.add(p.Match.At.at("lacks", "%s cannot be exported and lacking", p.Match.Lacks))
	}
	if p.Version != "" && p.VersionText != nil {
		v.add(p.At.at("version_text", "either version_symbol or version_text"))
	}
	for _, path := range p.Paths {
		for _, w := range path.Ways {
			v.way(w)
		}
	}
	if n := len(p.Paths); n > MaxPaths {
		v.add(p.At.at("paths", "%d are too many, want at most %d", n, MaxPaths))
		return
	}
	v.roots(p)
	v.circles(p)
	v.ofHost(p)
	if p.At.has("operations") && len(p.Operations) == 0 && !v.broken("operations") {
		v.add(p.At.at("operations", "want at least 1"))
	}
	for _, op := range p.Operations {
		v.operation(p, op)
	}
	v.sums(p)
}

// unique reports values that a list holds twice.
func (v *validator) unique(at Where, key string, values []string) {
	seen := make(map[string]bool)
	for _, value := range values {
		if seen[value] && value != "" {
			v.add(at.at(key, "%q stands here twice", value))
		}
		seen[value] = true
	}
}

func (v *validator) operation(p *Profile, op *Operation) {
	if p.Dialect == "" && !p.At.has("dialect") {
		for _, c := range op.captures() {
			if c.Type == TypeSQL {
				v.add(c.At.at("type", "sql needs the profile's dialect: mysql or postgresql"))
			}
		}
	}
	v.kindOfOperation(p, op)
	v.parent(p, op)
	names := make([]string, len(op.Tiers))
	for i, tier := range op.Tiers {
		names[i] = tier.Name
		v.tier(op, tier)
		v.with(p, op, tier)
	}
	v.unique(op.At, "tiers", names)
	v.span(op)
	v.roles(op)
	for _, a := range op.Attributes {
		v.attribute(op, a)
	}
}

// parent checks the operation around an inline one.
func (v *validator) parent(p *Profile, op *Operation) {
	if !op.Inline() {
		return
	}
	parent := p.Operations.Find(op.Parent)
	switch {
	case parent == nil:
		if !v.broken(join("operations", op.Parent)) {
			v.add(op.At.at("parent", "no operation %q%s", op.Parent, didYouMean(op.Parent, namesOf(p.Operations))))
		}
	case parent == op:
		v.add(op.At.at("parent", "an operation cannot be its own parent"))
	case parent.Inline():
		v.add(op.At.at("parent", "%s is inline itself; name the operation with the record, %s", parent.Name, parent.Parent))
	case parent.Point():
		v.add(op.At.at("parent", "%s is a point operation", parent.Name))
	case !op.Detail.Includes(parent.Detail):
		v.add(op.At.at("detail", "%s is coarser than the parent's, %s", op.Detail, parent.Detail))
	}
	for _, t := range op.Tiers {
		v.details(t)
	}
}

func namesOf(ops Operations) []string {
	names := make([]string, len(ops))
	for i, op := range ops {
		names[i] = op.Name
	}
	return names
}

// span checks that a summary has a statement to come from.
func (v *validator) span(op *Operation) {
	if op.Span != SummarySpan || v.broken(op.At.Path) {
		return
	}
	if !op.capturesType(TypeSQL) {
		v.add(op.At.at("span", "%s needs a capture of type sql", SummarySpan))
	}
}

// roles checks what the profile says about roles, and that every statement has
// its own.
func (v *validator) roles(op *Operation) {
	holder := make(map[string]string)
	for _, r := range op.Roles.all() {
		name := *r.name
		if name == "" {
			continue
		}
		if other, taken := holder[name]; taken {
			v.add(op.Roles.At.at(r.key, "the capture %s already has the role %s", name, other))
		}
		holder[name] = r.key
		if !op.Roles.At.has(r.key) {
			continue
		}
		if r.key == "start" && op.Point() {
			v.add(op.Roles.At.at(r.key, "a point operation has no start"))
		}
		captures := op.capturesOf(name)
		if len(captures) == 0 {
			v.unknownCapture(op, op.Roles.At, r.key, name)
		}
		for _, c := range captures {
			if c.Type != "" && !r.accept(c.Type) {
				v.add(op.Roles.At.at(r.key, "the capture %s has the type %s, want %s", name, c.Type, r.want))
				break
			}
		}
	}
	for _, c := range op.captures() {
		if c.Type == TypeSQL && c.Name != op.Roles.Text && !v.broken(op.Roles.At.Path) {
			v.add(c.At.at("type", "sql needs the role text: name the capture text, or set roles.text to %s", c.Name))
		}
	}
}

// unknownCapture reports a reference, unless the capture may only be missing
// because its tier could not be decoded.
func (v *validator) unknownCapture(op *Operation, at Where, key, name string) {
	if v.broken(op.At.Path + ".tiers") {
		return
	}
	names := op.captureNames()
	hint := didYouMean(name, names)
	if hint == "" && len(names) > 0 {
		hint = ", have " + strings.Join(names, ", ")
	}
	v.add(at.at(key, "no tier captures %q%s", name, hint))
}

func (v *validator) attribute(op *Operation, a *Attribute) {
	if madeByBridge(a.Key) {
		v.add(a.At.Fault("spanbridge sets this attribute itself"))
		return
	}
	if a.Value != nil {
		if a.Capture != "" || a.OmitZero || len(a.Names) > 0 {
			v.add(a.At.at("value", "a constant stands alone, without capture, omit_zero or names"))
		}
		return
	}
	if a.Capture == "" {
		if !v.broken(a.At.Path) {
			v.add(a.At.Fault("want a capture or a value"))
		}
		return
	}
	captures := op.capturesOf(a.Capture)
	if len(captures) == 0 {
		v.unknownCapture(op, a.At, "capture", a.Capture)
	}
	for _, c := range captures {
		if c.Type == TypeSQL {
			v.add(a.At.at("capture", "%s is the statement, which spanbridge sanitises and adds as db.query.text", c.Name))
			return
		}
		if a.Table != "" && !c.Type.Integer() && c.Type != "" {
			v.add(a.At.at("table", "only an integer has names, not %s", c.Type))
			return
		}
		if len(a.Names) > 0 && !c.Type.Integer() && c.Type != "" {
			v.add(a.At.at("names", "only an integer has names, the capture %s has the type %s", c.Name, c.Type))
			return
		}
	}
	v.inlineAttribute(op, a)
}

// inlineAttribute checks that the record's entry carries the value.
func (v *validator) inlineAttribute(op *Operation, a *Attribute) {
	if !op.Inline() {
		return
	}
	for _, tier := range op.Tiers {
		if i := tier.Slots().Value(a.Capture); i > 0 && !tier.Kernel() && !tier.noted(a.Capture) {
			v.add(a.At.at("capture", "an operation with a parent carries only its first integer capture, in tier %s that is %s, and those of notes",
				tier.Name, tier.Slots().Values[0].Name))
			return
		}
	}
}
