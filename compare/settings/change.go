// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of settings. The names of all but variables may hold the wildcard %, and values are
// YES and NO.
const (
	Variable   = "variable"          // SET GLOBAL
	Consumer   = "consumer"          // performance_schema.setup_consumers
	Instrument = "instrument"        // performance_schema.setup_instruments, ENABLED
	Timing     = "instrument timing" // performance_schema.setup_instruments, TIMED
)

// Change is a setting that was changed, as the server writes its values.
type Change struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Was  string `json:"was"`
	Now  string `json:"now"`
}

func (c Change) of(d Change) bool { return c.Kind == d.Kind && c.Name == d.Name }

// LeftError says which settings were not put back, because somebody else has changed
// them since. Nothing is left to be done about them.
type LeftError struct {
	Left []Left
}

// Left is a setting that was left alone. Was is what it was before the session, Now what the
// session had made of it.
type Left struct {
	Change
	Found string
}

func (e *LeftError) Error() string {
	var b strings.Builder
	b.WriteString("left alone, as somebody else has changed it since: ")
	for i, l := range e.Left {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s %s is %q, was %q before and %q in the session", l.Kind, l.Name, l.Found, l.Was, l.Now)
	}
	return b.String()
}

// outstanding reduces what was written down, in order, to one change for each setting, from the
// value to put back to the one that is expected, in the order of the first ones. Tried is
// the value before the last change, which may not have come about.
func outstanding(all []Change) (sum []Change, tried []string) {
	for _, c := range all {
		i := slices.IndexFunc(sum, c.of)
		if i < 0 {
			sum, tried = append(sum, c), append(tried, c.Was)
			continue
		}
		last := &sum[i]
		if !sameValue(c.Was, last.Now) && c.Was != tried[i] {
			last.Was = c.Was // somebody else's, who now has it as he wants it
		}
		last.Now, tried[i] = c.Now, c.Was
	}
	return sum, tried
}
