// SPDX-License-Identifier: Apache-2.0

package inert_test

import (
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/bridge/inert"
	"github.com/spanbridge/spanbridge/bridge/inert/inerttest"
)

func TestInert(t *testing.T) {
	tests := []struct {
		name    string
		in      string
		columns int
		want    string
	}{
		{"plain text stays", "SELECT 1", 20, "SELECT 1"},
		{"white space is folded", "  SELECT\n\t*\r\n FROM  t ", 40, "SELECT * FROM t"},
		{"an escape sequence is shown", "\x1b]0;owned\x07", 40, `\x1b]0;owned\x07`},
		{"C1 controls are shown", "a\u009b31mb", 40, `a\x9b31mb`},
		{"DEL and NUL are shown", "\x00\x7f", 40, `\x00\x7f`},
		{"bidirectional marks are shown", "a\u202eb\u2066c", 40, `a\u{202e}b\u{2066}c`},
		{"zero-width and tag characters are shown", "a\u200bb\U000e0041", 40, `a\u{200b}b\u{e0041}`},
		{"line separators are shown", "a\u2028b", 40, `a\u{2028}b`},
		{"invalid UTF-8 is shown", "a\xff\xc3", 40, `a\xff\xc3`},
		{"a long text ends in an ellipsis", "SELECT orders", 8, "SELECT…"},
		{"a text that just fits is whole", "12345678", 8, "12345678"},
		{"an escape is not cut in two", "123456\x1b", 8, "123456…"},
		{"wide characters take two columns", "注文注文", 7, "注文注…"},
		{"a wide character that does not fit is left out", "注文注文", 6, "注文…"},
		{"accents stay", "Zoë naïve", 20, "Zoë naïve"},
		{"a heap of marks is thinned", "a" + strings.Repeat("\u0301", 50) + "b", 10, "a" + strings.Repeat("\u0301", 4) + "b"},
		{"no room gives nothing", "abc", 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := inert.Cut(test.in, test.columns); got != test.want {
				t.Errorf("Cut(%q, %d) = %q, want %q", test.in, test.columns, got, test.want)
			}
		})
	}
}

func FuzzInert(f *testing.F) {
	for _, s := range []string{"SELECT 1", "\x1b[2J", "a\u202eb", "\xff\xfe", "注文\u0301", " \t x"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, columns int) {
		columns %= 500
		inerttest.Lines(t, inert.Cut(s, columns), max(columns, 0))
	})
}
