// SPDX-License-Identifier: Apache-2.0

package inert

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks bounds the combining marks behind one letter. Scripts in use need
// three or four; long runs are drawn over the lines above and below.
const maxMarks = 4

// ellipsis ends what was cut.
const ellipsis = "…"

// Text returns s in one line of any width.
func Text(s string) string { return Cut(s, math.MaxInt) }

// Cut returns s in one line, at most columns wide. White space is
// folded to single spaces; whatever does not print (C0, C1, DEL, bidirectional
// and other format characters, private use, invalid UTF-8) becomes a visible
// escape. A text that is too wide ends in an ellipsis.
func Cut(s string, columns int) string {
	if columns <= 0 {
		return ""
	}
	if plain(s) && len(s) <= columns {
		return strings.Clone(s)
	}
	var out strings.Builder
	width, marks := 0, 0
	cutAt, pending := 0, false // cutAt: length of out that leaves room for the ellipsis
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if isSpace(r) {
			pending = width > 0
			s = s[size:]
			continue
		}
		piece, w := show(r, s[:size])
		s = s[size:]
		if w == 0 {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		if pending {
			piece, w, pending = " "+piece, w+1, false
		}
		if width+w > columns {
			return out.String()[:cutAt] + ellipsis
		}
		out.WriteString(piece)
		width += w
		if width < columns {
			cutAt = out.Len()
		}
	}
	return out.String()
}

// plain reports whether s is printable ASCII without runs of spaces.
func plain(s string) bool {
	space := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c > '~' || (c == ' ' && space) {
			return false
		}
		space = c == ' '
	}
	return !space || s == ""
}

func isSpace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\v' || r == '\f'
}

// show returns what is printed for a rune, and its width in columns.
func show(r rune, raw string) (string, int) {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		piece := `\x` + hex2(raw[0])
		return piece, len(piece)
	case unicode.Is(unicode.M, r):
		return raw, 0
	case unicode.IsPrint(r):
		return raw, runeWidth(r)
	case r < 0x100:
		piece := `\x` + hex2(byte(r))
		return piece, len(piece)
	default:
		piece := `\u{` + strconv.FormatInt(int64(r), 16) + `}`
		return piece, len(piece)
	}
}

func hex2(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// wideRanges holds the blocks that terminals draw two columns wide, after
// Unicode's EastAsianWidth.txt (W and F), coarsened to whole blocks.
var wideRanges = [...][2]rune{
	{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0x33ff}, {0x3400, 0x4dbf},
	{0x4e00, 0x9fff}, {0xa000, 0xa4cf}, {0xa960, 0xa97f}, {0xac00, 0xd7a3},
	{0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6},
	{0x16fe0, 0x18cff}, {0x1b000, 0x1b2ff}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
	{0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
}

func runeWidth(r rune) int {
	if r < wideRanges[0][0] {
		return 1
	}
	for _, block := range wideRanges {
		if r < block[0] {
			return 1
		}
		if r <= block[1] {
			return 2
		}
	}
	return 1
}

// Columns returns the width of a text that Cut has made or that is our own.
func Columns(s string) int {
	width := 0
	for _, r := range s {
		if !unicode.Is(unicode.M, r) {
			width += runeWidth(r)
		}
	}
	return width
}
