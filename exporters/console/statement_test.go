// SPDX-License-Identifier: Apache-2.0

package console

import (
	"strings"
	"testing"
)

func TestSameStatementSeesThroughLiteralsAndCuts(t *testing.T) {
	for _, test := range []struct {
		name, sanitised, text string
		want                  bool
	}{
		{"equal texts", "SELECT a FROM t", "SELECT a FROM t", true},
		{"a number", "UPDATE t SET n = n - ?", "UPDATE t SET n = n - 17", true},
		{"placeholders of a prepared statement", "INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES (?, ?)", true},
		{"a literal that looks like the text", "SELECT ? FROM t", "SELECT ' FROM u' FROM t", true},
		{"a literal at the end", "SELECT ?", "SELECT 'x'", true},
		{"another table", "SELECT a FROM t WHERE b = ?", "SELECT a FROM u WHERE b = 1", false},
		{"more text behind", "SELECT a FROM t", "SELECT a FROM t LIMIT 1", false},
		{"less text", "SELECT a FROM t LIMIT ?", "SELECT a FROM t", false},
		{"a cut text", "INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES ('a long o…", true},
		{"a cut sanitised text", "SELECT a FROM t WH…", "SELECT a FROM t WHERE b = 'c' AND d", true},
		{"a cut text of another statement", "SELECT a FROM t", "SELECT b FROM t WHER…", false},
		{"nothing", "", "SELECT a", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := sameStatement(test.sanitised, test.text); got != test.want {
				t.Errorf("sameStatement(%q, %q) = %v", test.sanitised, test.text, got)
			}
		})
	}
}

// A text may be as wide as the terminal, so that even the square of it is small.
func TestSameStatementEndsForHostileTexts(t *testing.T) {
	if sameStatement(strings.Repeat("?a", maxWidth/2)+"b", strings.Repeat("a", maxWidth)) {
		t.Error("a text without b is taken for one that ends in b")
	}
}
