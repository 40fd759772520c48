// SPDX-License-Identifier: Apache-2.0

package sqltext

const ellipsis = "…"

// AppendSanitized appends text to dst with every literal replaced by '?',
// comments removed and white space collapsed, as the package documentation
// says. It returns the extended slice and the [Hash] of what was appended.
//
// What was appended is valid UTF-8 without control characters, at most three
// times as long as text, and sanitising it again does not change it. The text
// is read once; nothing is allocated but the growth of dst.
func AppendSanitized(dst, text []byte, d Dialect) ([]byte, uint64) {
	base := len(dst)
	s := newScanner(dst, text, d)
	s.run(0, len(text))
	dst = s.finish()
	return dst, Hash(dst[base:])
}

// AppendSanitizedCut is [AppendSanitized] for a text of which only the head is
// known, cut anywhere: within a literal, a name or a rune. A word that reaches
// the cut is left out, since it may be a part of one, and an ellipsis (U+2026)
// marks the end.
func AppendSanitizedCut(dst, head []byte, d Dialect) ([]byte, uint64) {
	base := len(dst)
	head = trimPartialRune(head)
	s := newScanner(dst, head, d)
	s.cut = true
	s.run(0, len(head))
	s.dropLastWord()
	dst = append(s.finish(), ellipsis...)
	return dst, Hash(dst[base:])
}
