// SPDX-License-Identifier: Apache-2.0

package report

import (
	"io"
	"strings"

	"github.com/spanbridge/spanbridge/bridge/inert"
)

const (
	usualWidth = 100
	leastWidth = 60
	mostWidth  = 140
)

// style is an ANSI "select graphic rendition" code (ECMA-48, 8.3.117).
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// table draws the result for a terminal: what is most wanted first.
type table struct {
	*Result
	w     *words
	out   strings.Builder
	at    int // column
	width int
	color bool
}

// Terminal writes the result in English for a terminal so many columns wide, 0:
// the usual 100, in colours if it has them.
func (r *Result) Terminal(out io.Writer, width int, color bool) error {
	w, err := wordsOf("en")
	if err != nil {
		return err
	}
	if width == 0 {
		width = usualWidth
	}
	t := &table{Result: r, w: w, width: min(max(width, leastWidth), mostWidth), color: color}
	t.head()
	t.coverage()
	t.latency()
	t.clocks()
	t.messages()
	t.fields()
	t.cost()
	_, err = io.WriteString(out, strings.ReplaceAll(t.out.String(), space, " "))
	return err
}

// put draws a text that has room.
func (t *table) put(s style, text string) {
	if t.color && s != plain && text != "" {
		text = "\x1b[" + string(s) + "m" + text + "\x1b[0m"
		t.at -= len("\x1b[m\x1b[0m") + len(s)
	}
	t.out.WriteString(text)
	t.at += inert.Columns(text)
}

// to moves to a column.
func (t *table) to(column int) {
	for ; t.at < column; t.at++ {
		t.out.WriteByte(' ')
	}
}

// right draws a text that ends at a column.
func (t *table) right(s style, text string, end int) {
	t.to(end - inert.Columns(text))
	t.put(s, text)
}

func (t *table) line() {
	t.out.WriteByte('\n')
	t.at = 0
}

// wrap draws a text from here to the right edge, and goes on below its beginning.
func (t *table) wrap(s style, text string) {
	from, line := t.at, ""
	for _, word := range strings.Split(text, " ") { // other spaces hold together
		switch {
		case line == "":
			line = cut(word, t.width-from)
		case from+inert.Columns(line+" "+word) <= t.width:
			line += " " + word
		default:
			t.put(s, line)
			t.line()
			t.to(from)
			line = cut(word, t.width-from)
		}
	}
	t.put(s, line)
	t.line()
}

// cut makes a text as narrow as that, if it is wider.
func cut(text string, columns int) string {
	if inert.Columns(text) <= columns {
		return text
	}
	return inert.Cut(strings.ReplaceAll(text, space, " "), columns)
}

// title begins a section.
func (t *table) title(name, note string) {
	t.line()
	t.put(bold, strings.ToUpper(name))
	if note != "" {
		t.put(plain, "  ")
		t.wrap(dim, note)
		return
	}
	t.line()
}

func (t *table) head() {
	t.put(bold, inert.Cut(t.Server.Product+" "+t.Server.Release(), t.width))
	for _, f := range []string{t.Server.Endpoint, t.Load, t.w.seconds(t.Seconds)} {
		if f != "" && t.at+3+inert.Columns(f) <= t.width {
			t.put(dim, " · "+f)
		}
	}
	t.line()
}

// names is how wide the column of the accounts' names is.
func (t *table) names() int {
	n := 0
	for i := range t.Accounts {
		n = max(n, inert.Columns(t.Accounts[i].Name))
	}
	return min(n, 24)
}
