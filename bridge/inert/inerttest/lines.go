// SPDX-License-Identifier: Apache-2.0

// Package inerttest is for the tests of what shows texts from outside.
package inerttest

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spanbridge/spanbridge/bridge/inert"
)

// Lines fails if a terminal could be told anything by a text, or if one of its lines is wider than that.
func Lines(t testing.TB, text string, columns int) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("invalid UTF-8: %q", text)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := inert.Columns(line); n > columns {
			t.Errorf("%d columns, want at most %d: %q", n, columns, line)
		}
		for _, r := range line {
			if !unicode.IsPrint(r) {
				t.Errorf("%U in %q", r, line)
			}
		}
	}
}
