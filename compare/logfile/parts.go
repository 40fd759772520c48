// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"iter"
	"strings"
)

// Parts splits a sanitised text into its statements. It holds no strings and no comments any
// more, so that a semicolon ends one unless it is in a quoted name, or in a
// compound statement, which is not split.
func Parts(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if isCompound(text) {
			yield(text)
			return
		}
		from, quoted := 0, false
		for i := range len(text) {
			switch {
			case text[i] == '`':
				quoted = !quoted
			case text[i] == ';' && !quoted:
				if part := strings.TrimSpace(text[from:i]); part != "" && !yield(part) {
					return
				}
				from = i + 1
			}
		}
		if part := strings.TrimSpace(text[from:]); part != "" {
			yield(part)
		}
	}
}

// isCompound reports whether statements stand within a statement: in the body of a
// stored program, or in BEGIN NOT ATOMIC.
func isCompound(text string) bool {
	words := strings.Fields(strings.ToUpper(text[:min(len(text), 512)]))
	if len(words) > 1 && words[0] == "BEGIN" && words[1] == "NOT" {
		return true
	}
	if len(words) == 0 || words[0] != "CREATE" && words[0] != "ALTER" {
		return false
	}
	for _, w := range words {
		switch w {
		case "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE":
			return true
		}
	}
	return false
}
