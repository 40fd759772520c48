// SPDX-License-Identifier: Apache-2.0

package console

import (
	"strings"

	"github.com/spanbridge/spanbridge/bridge/inert"
)

// style is an ANSI "select graphic rendition" code (ECMA-48, 8.3.117).
type style string

const (
	normal style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
)

// palette colours services apart. Red is kept for failures.
var palette = [...]style{"36", "32", "35", "33", "34"}

// canvas collects lines and knows at which column it stands, so that nothing
// is ever drawn beyond the width. What it is given must be inert.
type canvas struct {
	buf    []byte
	column int
	width  int
	color  bool
}

func (c *canvas) room() int { return c.width - c.column }

// put draws s, cut to the room that is left.
func (c *canvas) put(st style, s string) {
	w := inert.Columns(s)
	if w > c.room() {
		s = inert.Cut(s, c.room())
		w = inert.Columns(s)
	}
	if s == "" {
		return
	}
	if c.color && st != normal {
		c.buf = append(c.buf, "\x1b["...)
		c.buf = append(c.buf, st...)
		c.buf = append(c.buf, 'm')
	}
	c.buf = append(c.buf, s...)
	if c.color && st != normal {
		c.buf = append(c.buf, "\x1b[0m"...)
	}
	c.column += w
}

// right draws s so that it ends at a column.
func (c *canvas) right(st style, s string, end int) {
	c.to(end - inert.Columns(s))
	c.put(st, s)
}

// to moves to a column with spaces, or stays where it is.
func (c *canvas) to(column int) {
	for ; c.column < min(column, c.width); c.column++ {
		c.buf = append(c.buf, ' ')
	}
}

// newline ends the line without spaces at its end.
func (c *canvas) newline() {
	end := len(c.buf)
	for end > 0 && c.buf[end-1] == ' ' {
		end--
	}
	c.buf = append(c.buf[:end], '\n')
	c.column = 0
}

// bar draws the part [from, to) of a scale of half cells.
func bar(from, to, cells int) string {
	to = min(max(to, from+1), 2*cells)
	from = min(from, to-1)
	var b strings.Builder
	for cell := range cells {
		left := from <= 2*cell && 2*cell < to
		right := from <= 2*cell+1 && 2*cell+1 < to
		switch {
		case left && right:
			b.WriteString("━")
		case left:
			b.WriteString("╸")
		case right:
			b.WriteString("╺")
		default:
			b.WriteString(" ")
		}
	}
	return b.String()
}
