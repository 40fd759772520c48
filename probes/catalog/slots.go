// SPDX-License-Identifier: Apache-2.0

package catalog

// Slots is the order in which the captures of a tier lie in a record: the
// index of a capture is its index in [bridge.Record]'s Values or Strings.
type Slots struct {
	Values  []*Capture // integers
	Strings []*Capture
	Text    *Capture // the statement, or nil
}

// Slots lays out the captures of the tier in the order of their first
// appearance: start, note, done, point. Captures of one name share a slot; the first
// one stands for them.
func (t *Tier) Slots() Slots {
	var s Slots
	seen := make(map[string]bool)
	for _, probe := range t.Probes() {
		for _, c := range probe.Captures {
			if seen[c.Name] {
				continue
			}
			seen[c.Name] = true
			switch {
			case c.Type.Integer():
				s.Values = append(s.Values, c)
			case c.Type.Text():
				s.Strings = append(s.Strings, c)
			case c.Type == TypeSQL && s.Text == nil:
				s.Text = c
			}
		}
	}
	return s
}

// Value returns the index of an integer capture, or -1.
func (s Slots) Value(name string) int { return indexOf(s.Values, name) }

// String returns the index of a string capture, or -1.
func (s Slots) String(name string) int { return indexOf(s.Strings, name) }

func indexOf(captures []*Capture, name string) int {
	for i, c := range captures {
		if c.Name == name {
			return i
		}
	}
	return -1
}
