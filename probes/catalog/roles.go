// SPDX-License-Identifier: Apache-2.0

package catalog

import "slices"

// role is one of the fields of [Roles].
type role struct {
	key    string
	name   *string
	usual  string
	want   string // the type in words
	accept func(Type) bool
}

func (r *Roles) all() []role {
	sql := func(t Type) bool { return t == TypeSQL }
	text := func(t Type) bool { return t == TypeString }
	return []role{
		{"text", &r.Text, "text", "sql", sql},
		{"namespace", &r.Namespace, "namespace", "string", text},
		{"failed", &r.Failed, "status", "an integer type", Type.Integer},
		{"error", &r.Error, "error", "an integer type", Type.Integer},
		{"start", &r.Start, "start_ns", "u64", func(t Type) bool { return t == TypeU64 }},
		{"message", &r.Message, "message", "string", text},
		{"sqlstate", &r.SQLState, "sqlstate", "string or an integer type", func(t Type) bool { return text(t) || t.Integer() }},
		{"connection", &r.Connection, "connection", "an integer type", Type.Integer},
		{"context", &r.Context, "context", "traceparent", func(t Type) bool { return t == TypeTraceparent }},
		{"current", &r.Current, "current", "an integer type", Type.Integer},
		{"lock", &r.Lock, "lock", "string", text},
		{"object", &r.Object, "object", "mdl_key", func(t Type) bool { return t == TypeMDLKey }},
		{"table", &r.Table, "table", "string", text},
		{"boundary", &r.Boundary, "boundary", "u64", func(t Type) bool { return t == TypeU64 }},
	}
}

// names reports whether some role is given to that capture.
func (r *Roles) names(capture string) bool {
	return slices.ContainsFunc(r.all(), func(one role) bool { return *one.name == capture })
}

// setRoles gives roles that the profile does not mention to the captures of
// the usual names, if these have no other role.
func (o *Operation) setRoles() {
	given := o.Roles
	for _, r := range o.Roles.all() {
		if o.Roles.At.has(r.key) || given.names(r.usual) || (r.key == "start" && o.Point()) ||
			(slices.Contains([]string{"lock", "object", "table"}, r.key) && !o.Inline()) {
			continue
		}
		captures := o.capturesOf(r.usual)
		fits := len(captures) > 0
		for _, c := range captures {
			fits = fits && r.accept(c.Type)
		}
		if fits {
			*r.name = r.usual
		}
	}
}

// capturesOf returns every capture of that name in all tiers.
func (o *Operation) capturesOf(name string) []*Capture {
	var all []*Capture
	for _, c := range o.captures() {
		if c.Name == name {
			all = append(all, c)
		}
	}
	return all
}

// captures returns every capture of all tiers.
func (o *Operation) captures() []*Capture {
	var all []*Capture
	for _, tier := range o.Tiers {
		for _, probe := range tier.Probes() {
			all = append(all, probe.Captures...)
		}
	}
	return all
}

// captureNames returns the names of all captures, each once.
func (o *Operation) captureNames() []string {
	var names []string
	seen := make(map[string]bool)
	for _, c := range o.captures() {
		if !seen[c.Name] {
			seen[c.Name] = true
			names = append(names, c.Name)
		}
	}
	return names
}
