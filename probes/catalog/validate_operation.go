// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"maps"
	"slices"

	"github.com/spanbridge/spanbridge/bridge"
)

// kindOfOperation reports what does not go with a point operation, with a pair
// of probes, or with an operation that rides in the record of another one.
func (v *validator) kindOfOperation(p *Profile, op *Operation) {
	if op.Point() {
		v.point(op)
		return
	}
	if op.Counter != "" {
		v.add(op.At.at("counter", "only a point operation has a counter; the histogram named by metric counts this one"))
	}
	if op.Inline() {
		for _, key := range op.given("phases", "executes", "prepares", "resets", "keep") {
			v.add(op.At.at(key, "an operation with a parent has no record for it"))
		}
	} else {
		for _, key := range op.given("sequence", "names", "names_from", "joins", "waits") {
			v.add(op.At.at(key, "only an operation with a parent has it"))
		}
	}
	if op.Sequence {
		if op.Recursive {
			v.add(op.At.at("recursive", "a sequence does not nest: each start ends the one before"))
		}
		for _, key := range op.given("shields", "metric", "min_duration", "joins", "waits") {
			v.add(op.At.at(key, "a sequence does not have it: its parts are told in the record around it alone"))
		}
	}
	v.uniqueNumbers(op.At, "joins", op.Joins)
	v.by(op)
	v.apart(p, op)
	v.waits(op)
	v.spanCapture(op)
	v.names(op)
	v.phases(op)
	v.commands(p, op)
	if op.Keep != "" && !op.capturesType(TypeSQL) && !v.broken(op.At.Path) {
		v.add(op.At.at("keep", "needs a capture of type sql"))
	}
}

// point reports what a point operation does not have.
func (v *validator) point(op *Operation) {
	for _, key := range op.given("metric", "by", "min_duration", "recursive", "sequence", "joins", "shields", "apart", "phases", "waits") {
		v.add(op.At.at(key, "a point operation has no duration"))
	}
	for _, key := range op.given("executes", "prepares", "resets", "keep", "names", "names_from") {
		v.add(op.At.at(key, "a point operation is only counted"))
	}
	if op.Inline() {
		v.add(op.At.at("parent", "a point operation cannot ride inside another one"))
	}
}

// given returns which of the keys say something.
func (o *Operation) given(keys ...string) []string {
	says := map[string]bool{
		"metric": o.Metric != "", "min_duration": o.MinDuration != 0, "recursive": o.Recursive,
		"sequence": o.Sequence, "shields": o.Shields, "names": len(o.Names) > 0, "names_from": o.NamesFrom != nil, "phases": len(o.Phases) > 0,
		"joins": len(o.Joins) > 0, "apart": o.Apart, "executes": len(o.Executes) > 0, "prepares": len(o.Prepares) > 0, "resets": len(o.Resets) > 0,
		"keep": o.Keep != "", "by": len(o.By) > 0, "children": o.Children, "waits": len(o.Waits) > 0,
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !says[key] })
}

// capturesType reports whether some tier has a capture of that type.
func (o *Operation) capturesType(t Type) bool {
	return slices.ContainsFunc(o.captures(), func(c *Capture) bool { return c.Type == t })
}

// maxWait is the largest value of an operation that can tell what it waits for.
const maxWait = 15

// waits checks what the thread waits for inside of an operation.
func (v *validator) waits(op *Operation) {
	for _, value := range slices.Sorted(maps.Keys(op.Waits)) {
		class, ok := bridge.ParseTimeClass(op.Waits[value])
		switch {
		case value > maxWait:
			v.add(op.At.at("waits", "%d is not from 0 to %d", value, maxWait))
		case !ok || class == bridge.TimeCPU || class == bridge.TimeRunQueue:
			v.add(op.At.at("waits", "%q is nothing to wait for: want lock, disk, sync, network, sleep or other", op.Waits[value]))
		}
	}
}

// names checks that what is named is carried.
func (v *validator) names(op *Operation) {
	if t := op.NamesFrom; t != nil && !v.broken(op.At.Path) {
		for _, size := range t.Sizes {
			if size < max(t.Number+4, t.Name+8) {
				v.add(t.At.at("sizes", "a structure of %d bytes has no room for its number and the pointer to its name", size))
			}
		}
	}
	if !op.Inline() || v.broken(op.At.Path) ||
		slices.ContainsFunc(op.captures(), func(c *Capture) bool { return c.Type.Integer() }) {
		return
	}
	for _, key := range op.given("names", "names_from") {
		v.add(op.At.at(key, "needs an integer capture: the names are of its values"))
	}
}

// phases checks that there is a moment that divides the operation.
func (v *validator) phases(op *Operation) {
	switch {
	case v.broken(op.At.Path) || op.Inline():
	case len(op.Phases) > 0 && op.Roles.Boundary == "":
		v.add(op.At.at("phases", "needs a capture with the role boundary: when the first of them ends"))
	case len(op.Phases) == 0 && op.Roles.At.has("boundary") && op.Roles.Boundary != "":
		v.add(op.Roles.At.at("boundary", "needs phases: the names of what it divides"))
	}
}

// opening returns the values of start conditions that open one of the
// operations; ok is false if there is no condition.
func opening(ops ...*Operation) (values []int, ok bool) {
	for _, op := range ops {
		if op.Inline() || op.Point() {
			continue
		}
		for _, tier := range op.Tiers {
			for _, probe := range tier.Start {
				if probe.When != nil {
					ok = true
					values = append(values, probe.When.In...)
				}
			}
		}
	}
	return values, ok
}

// commands checks the values of start conditions to which the operation gives
// a meaning: its own, or where it has none those of the profile, of which the
// last one on the thread is its command.
func (v *validator) commands(p *Profile, op *Operation) {
	if len(op.given("executes", "prepares", "resets")) == 0 {
		return
	}
	values, ok := opening(op)
	if !ok {
		values, ok = opening(p.Operations...)
	}
	first := make(map[int]string)
	for _, list := range []struct {
		key    string
		values []int
	}{{"executes", op.Executes}, {"prepares", op.Prepares}, {"resets", op.Resets}} {
		v.uniqueNumbers(op.At, list.key, list.values)
		if len(list.values) > 0 && !ok && !v.broken("operations") {
			v.add(op.At.at(list.key, "needs a condition at a start, when, of whose values it speaks"))
		}
		for _, value := range list.values {
			if other := first[value]; other != "" && other != list.key {
				v.add(op.At.at(list.key, "%d is among the values of %s too", value, other))
			}
			first[value] = list.key
			if list.key == "executes" && ok && !slices.Contains(values, value) && !v.broken("operations") {
				v.add(op.At.at(list.key, "no start opens an operation at %d", value))
			}
		}
	}
}
