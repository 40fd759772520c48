// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"strings"
)

// sources lists the keys by which a capture says where its value begins.
func (c *Capture) sources() []string {
	var given []string
	for _, s := range []struct {
		key   string
		given bool
	}{
		{"arg", c.Arg != nil}, {"captured", c.Captured != ""}, {"path", c.Path != ""}, {"returned", c.Returned},
		{"field", len(c.Field) > 0}, {"task", len(c.Task) > 0},
		{"variable", c.Variable != ""}, {"time", c.Time}, {"constant", c.Constant != nil},
	} {
		if s.given {
			given = append(given, s.key)
		}
	}
	return given
}

// source checks where a value begins.
func (v *validator) source(s site, c *Capture) {
	given := c.sources()
	switch {
	case len(given) == 0:
		if !v.broken(c.At.Path) {
			v.add(c.At.Fault("want one of arg, field, task, captured, path, returned, variable, time, constant"))
		}
	case len(given) > 1:
		v.add(c.At.at(given[1], "a value begins in one place, here are %s", strings.Join(given, " and ")))
	}
	if s.forgets() {
		for key, given := range map[string]bool{"arg": c.Arg != nil, "field": len(c.Field) > 0} {
			if given {
				v.add(c.At.at(key, "when a function returns its arguments are gone; returned is its result"))
			}
		}
	}
	if c.Returned && !s.returns() && !v.broken(s.At.Path+".probe") {
		v.add(c.At.at("returned", "only at the return of a function, such as a uretprobe or fexit, is there a result"))
	}
	if c.Variable != "" && s.returns() {
		v.add(c.At.at("variable", "at the return of a function the place of the program's variables is not known"))
	}
	if c.Captured != "" {
		v.captured(s, c)
	}
	if c.Path != "" {
		v.follow(s, c.At, c.Path)
	}
}

// captured checks that the value was captured before.
func (v *validator) captured(s site, c *Capture) {
	for _, other := range s.tier.sites() {
		if other.Probe == s.Probe || !other.before(s) {
			continue
		}
		if before := other.Captures.Find(c.Captured); before != nil && before.Type.Integer() {
			return
		}
	}
	if !v.broken(s.tier.At.Path) {
		v.add(c.At.at("captured", "no start and no note before captures an integer %q", c.Captured))
	}
}

// typed checks what goes with the type of a capture.
func (v *validator) typed(s site, c *Capture) {
	if c.Type == "" {
		return
	}
	if c.At.has("max") && c.Type != TypeString && c.Type != TypeArguments {
		v.add(c.At.at("max", "only a string has max, not %s", c.Type))
	}
	if (c.Type == TypeArguments) != c.At.has("end") && !v.broken(c.At.Path) {
		v.add(c.At.Fault("arguments have an end, and nothing else has"))
	}
	if c.Length != nil && c.Type != TypeSQL {
		v.add(c.At.at("length", "only sql has a length, not %s", c.Type))
	}
	if c.Length != nil {
		v.length(s, c.Length)
	}
	if c.First && !c.Type.Integer() && c.Type != TypeString && c.Type != TypeMDLKey {
		v.add(c.At.at("first", "only of integers and strings is the first kept, not of %s", c.Type))
	}
	if !c.Type.Integer() {
		if c.Equals != nil {
			v.add(c.At.at("equals", "only an integer is compared, not %s", c.Type))
		}
	}
	v.number(c)
	if v.compares(c.Path) {
		v.comparison(c)
	}
	if c.Type == TypeTraceparent && (s.part != partStart || c.Arg == nil && c.Path == "") && !v.broken(c.At.Path) {
		v.add(c.At.at("type", "a traceparent is captured at a start, by arg or path"))
	}
}

// number checks the sources that have no memory behind them.
func (v *validator) number(c *Capture) {
	for _, key := range []string{"time", "constant"} {
		given := map[string]bool{"time": c.Time, "constant": c.Constant != nil}
		if given[key] && len(c.Offsets) > 0 {
			v.add(c.At.at("offsets", "nothing lies behind a %s", key))
		}
	}
	if c.Time {
		if c.Type != TypeU64 {
			v.add(c.At.at("type", "time is u64, not %s", c.Type))
		}
		if c.Equals != nil {
			v.add(c.At.at("equals", "a time is not compared"))
		}
	}
	if c.Constant != nil && !c.Type.holds(*c.Constant) {
		v.add(c.At.at("constant", "%d is no %s", *c.Constant, c.Type))
	}
}

// holds reports whether a number is one of the integer type.
func (t Type) holds(n int) bool {
	bits := 8 * t.Bytes()
	switch {
	case bits == 0:
		return false
	case t.Signed():
		return bits == 64 || n>>(bits-1) == 0 || n>>(bits-1) == -1
	}
	return n >= 0 && (bits == 64 || n>>bits == 0)
}

// comparison checks a capture whose path ends in a comparison.
func (v *validator) comparison(c *Capture) {
	what := fmt.Sprintf("the path %s is a comparison, 1 or 0", c.Path)
	if !c.Type.Integer() {
		v.add(c.At.at("type", "%s: want an integer type, not %s", what, c.Type))
	}
	if c.Equals != nil {
		v.add(c.At.at("equals", "%s", what))
	}
	if len(c.Offsets) > 0 {
		v.add(c.At.at("offsets", "%s: nothing lies behind it", what))
	}
}

// length checks where the length of a text is.
func (v *validator) length(s site, l *Length) {
	switch {
	case v.broken(l.At.Path):
	case (l.Arg == nil) == (l.Path == ""):
		v.add(l.At.Fault("want either arg or path"))
	case l.Arg != nil && s.returns():
		v.add(l.At.at("arg", "when a function returns its arguments are gone"))
	case l.Path != "":
		v.follow(s, l.At, l.Path)
		if v.compares(l.Path) {
			v.add(l.At.at("path", "the path %s is a comparison, 1 or 0: no length", l.Path))
		}
	}
}
