// SPDX-License-Identifier: Apache-2.0

package logfile

// MaxText is how much of a statement is read, in bytes; of a longer one the
// beginning.
const MaxText = MaxLine

// Text collects the lines of a statement. The zero value is empty.
type Text struct {
	Bytes []byte
	Cut   bool // not all of it is in Bytes
}

// Reset empties the text, and keeps its memory.
func (t *Text) Reset() { t.Bytes, t.Cut = t.Bytes[:0], false }

// Add adds a line, which may be cut itself, and a line feed.
func (t *Text) Add(line []byte, cut bool) {
	if len(t.Bytes)+len(line) >= MaxText {
		line, cut = line[:max(0, min(len(line), MaxText-len(t.Bytes)-1))], true
	}
	t.Bytes = append(append(t.Bytes, line...), '\n')
	t.Cut = t.Cut || cut
}
