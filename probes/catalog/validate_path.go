// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"strings"
)

// functions lists the keys by which a way says how it leads on.
func (w *Way) functions() []string {
	var given []string
	for _, f := range []struct{ key, name string }{
		{"getter", w.Getter}, {"predicate", w.Predicate}, {"setter", w.Setter}, {"in", w.In}, {"element", w.Element},
	} {
		if f.name != "" {
			given = append(given, f.key)
		}
	}
	return given
}

// noun says what a way is that leads by the function of that key.
func noun(key string) string {
	if key == "in" {
		return "call"
	}
	return key
}

// compares reports whether the way ends in a comparison.
func (w *Way) compares() bool { return w.Predicate != "" && w.Take == 0 }

// way checks what stands in one way.
func (v *validator) way(w *Way) {
	given := w.functions()
	switch {
	case len(given) == 0:
		if !v.broken(w.At.Path) {
			v.add(w.At.Fault("want one of getter, predicate, setter, in, element"))
		}
		return
	case len(given) > 1:
		v.add(w.At.at(given[1], "a way leads by one function, here are %s", strings.Join(given, " and ")))
		return
	}
	v.onlyWith(w, given[0])
	if (w.Of == "") != (w.Element != "") && !v.broken(w.At.Path) {
		v.add(w.At.at("of", "every way begins at something, but to an element"))
	}
	stores := w.Setter != "" || w.In != ""
	switch {
	case w.Constant && w.At.has("argument"):
		v.add(w.At.at("constant", "either argument or constant"))
	case stores && !w.Constant && !w.At.has("argument"):
		v.add(w.At.Fault("a %s needs argument: of which argument it is", noun(given[0])))
	case w.Setter != "" && !w.Constant && w.Argument == 0 && !v.broken(join(w.At.Path, "argument")):
		v.add(w.At.at("argument", "argument 0 is what the way begins with; want one that is stored"))
	}
	if w.Take > 0 && w.Skip > 0 {
		v.add(w.At.at("skip", "either take or skip"))
	}
	for _, key := range []string{"take", "skip", "address"} {
		if w.Around && w.At.has(key) {
			v.add(w.At.at(key, "the way leads to the structure around, where no field is loaded"))
		}
	}
	if w.Take > 0 && w.Address {
		v.add(w.At.at("address", "what take leads to is on the way to the field, not the field"))
	}
}

// onlyWith reports keys that mean nothing for a way of that kind.
func (v *validator) onlyWith(w *Way, kind string) {
	for _, rule := range []struct {
		key   string
		kinds []string
	}{
		{"result", []string{"getter"}}, {"out", []string{"getter"}}, {"address", []string{"setter", "in"}},
		{"argument", []string{"setter", "in"}}, {"constant", []string{"setter"}}, {"call", []string{"in"}}, {"variable", []string{"in"}},
		{"from", []string{"in"}}, {"around", []string{"in"}},
		{"take", []string{"getter", "predicate", "setter", "in"}}, {"skip", []string{"getter", "predicate", "setter", "in"}},
	} {
		if w.At.has(rule.key) && !slices.Contains(rule.kinds, kind) {
			var kinds []string
			for _, k := range rule.kinds {
				kinds = append(kinds, "a "+noun(k))
			}
			v.add(w.At.at(rule.key, "only %s has it, not a %s", strings.Join(kinds, " or "), noun(kind)))
		}
	}
}

// roots checks that every way begins at something that there is.
func (v *validator) roots(p *Profile) {
	var names []string
	for _, path := range p.Paths {
		names = append(names, path.Name)
	}
	for _, op := range p.Operations {
		for _, tier := range op.Tiers {
			for _, s := range tier.sites() {
				for _, arg := range s.Args {
					names = append(names, arg.Name)
				}
				for _, c := range s.Captures {
					if s.part == partStart && c.Type == TypeU64 {
						names = append(names, c.Name)
					}
				}
			}
		}
	}
	for _, path := range p.Paths {
		for _, w := range path.Ways {
			if w.Of != "" && !slices.Contains(names, w.Of) && !v.broken("operations") && !v.broken("paths") {
				v.add(w.At.at("of", "no path, no argument in the args of a probe and no u64 capture of a start is named %q%s",
					w.Of, didYouMean(w.Of, names)))
			}
			if before := p.Paths.Find(w.Of); before != nil && before != path && slices.ContainsFunc(before.Ways, (*Way).compares) {
				v.add(w.At.at("of", "%s is a comparison: nothing lies behind it", w.Of))
			}
		}
	}
}

// circles reports paths that lead back to themselves.
func (v *validator) circles(p *Profile) {
	for _, path := range p.Paths {
		seen := map[string]bool{}
		var reaches func(from *Path) bool
		reaches = func(from *Path) bool {
			for _, w := range from.Ways {
				if w.Of == path.Name {
					return true
				}
				if next := p.Paths.Find(w.Of); next != nil && !seen[w.Of] {
					seen[w.Of] = true
					if reaches(next) {
						return true
					}
				}
			}
			return false
		}
		if reaches(path) {
			v.add(path.At.Fault("it leads back to itself"))
		}
	}
}

// compares reports whether a path, by one of its ways, is a comparison.
func (v *validator) compares(name string) bool {
	path := v.paths.Find(name)
	return path != nil && slices.ContainsFunc(path.Ways, (*Way).compares)
}

// follow checks that a path exists, and that it begins, whichever way is taken,
// at something that the probe has.
func (v *validator) follow(s site, at Where, name string) {
	if v.paths.Find(name) == nil {
		if !v.broken(join("paths", name)) {
			var names []string
			for _, path := range v.paths {
				names = append(names, path.Name)
			}
			v.add(at.at("path", "no path %q%s", name, didYouMean(name, names)))
		}
		return
	}
	for _, root := range v.beginnings(name, map[string]bool{}) {
		if !v.broken(s.tier.At.Path) && !v.begins(s, root) {
			v.add(at.at("path", "%s begins at %s, which is neither in the probe's args nor, for a note or an end, a u64 capture of the start", name, root))
		}
	}
}

// beginnings returns where the ways of a path begin, other than at paths.
func (v *validator) beginnings(name string, seen map[string]bool) (roots []string) {
	path := v.paths.Find(name)
	if path == nil {
		return []string{name}
	}
	seen[name] = true
	for _, w := range path.Ways {
		if w.Of == "" || seen[w.Of] {
			continue
		}
		for _, root := range v.beginnings(w.Of, seen) {
			if !slices.Contains(roots, root) {
				roots = append(roots, root)
			}
		}
	}
	return roots
}

// begins reports whether a path can begin at that name when the probe is hit.
func (v *validator) begins(s site, root string) bool {
	if _, ok := s.Args.Find(root); ok {
		return true
	}
	if s.part != partNote && s.part != partDone {
		return false
	}
	return slices.ContainsFunc(s.tier.Start, func(start *Probe) bool {
		c := start.Captures.Find(root)
		return c != nil && c.Type == TypeU64
	})
}
