// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"slices"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// maxKnown is how many names the results of searches are kept of.
const maxKnown = 1 << 14

// search returns what is known of a name that the loader's table lacks. The
// sources are searched for all expected names at once.
func (t *Table) search(name string) *finding {
	if f := t.known[name]; f != nil {
		return f
	}
	sources := t.sources()
	defer closeAll(sources)
	t.recallOnce(sources)
	if f := t.known[name]; f != nil {
		return f
	}
	found := t.searchAll(sources, t.wanted(name))
	if len(t.known)+len(found) > maxKnown {
		clear(t.known)
	}
	for name, f := range found {
		t.known[name] = f
	}
	t.cache.save(t)
	return t.known[name]
}

// wanted are the names to search for: this one, and what is expected and not
// yet known.
func (t *Table) wanted(name string) []string {
	names := []string{name}
	for expected := range t.expected {
		if t.known[expected] == nil && expected != name && t.exported(expected) == nil {
			names = append(names, expected)
		}
	}
	return names
}

// searchAll goes through the sources until every name is found.
func (t *Table) searchAll(sources []*source, names []string) map[string]*finding {
	all := make(map[string]*finding, len(names))
	for _, name := range names {
		all[name] = &finding{}
	}
	var searched, lacking []string
	for _, s := range sources {
		if len(names) == 0 {
			return all // what was searched now says nothing of what is missing
		}
		if s.err == nil {
			// A source is taken wholly or not at all.
			var part map[string]*finding
			if part, s.err = t.searchOne(s, names); s.err == nil {
				searched = append(searched, s.name)
				names = combine(all, part, names)
			}
		}
		if s.err != nil {
			lacking = append(lacking, lack(s.name, s.err))
		}
	}
	if len(names) > 0 {
		t.searched, t.lacking = searched, lacking
	}
	return all
}

func (t *Table) searchOne(s *source, names []string) (map[string]*finding, error) {
	part := make(map[string]*finding)
	err := s.scan(s, elffile.NewNames(names), func(e *elffile.Entry) bool {
		f := part[e.Name]
		if f == nil {
			f = &finding{}
			part[e.Name] = f
		}
		t.take(f, e, s.name)
		return true
	})
	return part, err
}

// combine adds what one source found and returns the names that are still
// missing.
func combine(all, part map[string]*finding, names []string) (missing []string) {
	for _, name := range names {
		f := part[name]
		if f == nil {
			f = &finding{}
		}
		for _, clone := range all[name].Clones {
			if len(f.Clones) < maxClones && !slices.Contains(f.Clones, clone) {
				f.Clones = append(f.Clones, clone)
			}
		}
		all[name] = f
		if f.empty() {
			missing = append(missing, name)
		}
	}
	return missing
}
