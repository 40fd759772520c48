// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Where is a place in a profile, for faults that are found later, such as a
// probe that a server does not have.
type Where struct {
	File string // the name that Parse was given
	Line int    // from 1
	Path string // such as operations.query.tiers[0].start[0]

	keys map[string]int // lines of the values of a mapping
}

// String returns file:line.
func (w Where) String() string { return fmt.Sprintf("%s:%d", w.File, w.Line) }

// Fault makes a fault at this place.
func (w Where) Fault(format string, args ...any) *Fault {
	return &Fault{File: w.File, Line: w.Line, Path: w.Path, Message: fmt.Sprintf(format, args...)}
}

// has reports whether the mapping at this place has that key.
func (w Where) has(key string) bool {
	_, ok := w.keys[key]
	return ok
}

// at makes a fault at a key of the mapping at this place, or at the mapping
// itself if it has no such key. The key may be followed by an index.
func (w Where) at(key, format string, args ...any) *Fault {
	name, _, _ := strings.Cut(key, "[")
	line, ok := w.keys[name]
	if !ok {
		line = w.Line
	}
	return &Fault{File: w.File, Line: line, Path: join(w.Path, key), Message: fmt.Sprintf(format, args...)}
}

// join appends a key to a path. A key with a dot in it is put in brackets.
func join(path, key string) string {
	name, _, _ := strings.Cut(key, "[")
	switch {
	case strings.ContainsAny(name, ". \"") || name == "":
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	default:
		return path + "." + key
	}
}

// Fault is one thing wrong with a profile.
type Fault struct {
	File    string
	Line    int    // from 1; 0 for the file as a whole
	Path    string // empty for the file as a whole
	Message string
}

// Error returns file:line: path: message.
func (f *Fault) Error() string {
	text := f.File
	if f.Line > 0 {
		text += fmt.Sprintf(":%d", f.Line)
	}
	if f.Path != "" {
		text += ": " + f.Path
	}
	return text + ": " + f.Message
}

// Faults is everything wrong with a profile, in the order of its lines.
type Faults []*Fault

// Error returns one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each [Fault] to errors.As.
func (f Faults) Unwrap() []error {
	all := make([]error, len(f))
	for i, fault := range f {
		all[i] = fault
	}
	return all
}

// sorted orders the faults by line.
func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b *Fault) int { return cmp.Compare(a.Line, b.Line) })
	return f
}
