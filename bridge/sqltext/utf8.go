// SPDX-License-Identifier: Apache-2.0

package sqltext

import "unicode/utf8"

// MaxName is the length in bytes to which [ValidUTF8] cuts. The longest names
// that servers allow are MariaDB's user names, 128 characters of four bytes.
const MaxName = 512

const replacement = "\uFFFD"

// ValidUTF8 appends b to dst, cut to [MaxName] bytes on a rune boundary, and
// returns the extended slice. What was appended is valid UTF-8 and inert on a
// terminal: a run of invalid bytes becomes one U+FFFD, and so does each control
// character (C0, DEL, C1), line separator and bidirectional control. It is
// meant for names of users, hosts and databases; it does not hide literals.
func ValidUTF8(dst, b []byte) []byte {
	return appendPrintable(dst, b, MaxName)
}

// appendPrintable appends at most limit bytes.
func appendPrintable(dst, b []byte, limit int) []byte {
	limit += len(dst)
	bad := false
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		out, invalid := b[:size], r == utf8.RuneError && size == 1
		b = b[size:]
		if invalid && bad {
			continue
		}
		bad = invalid
		if invalid || !printable(r) {
			if len(dst)+len(replacement) > limit {
				return dst
			}
			dst = append(dst, replacement...)
			continue
		}
		if len(dst)+size > limit {
			return dst
		}
		dst = append(dst, out...)
	}
	return dst
}

// printable reports whether r may be shown: it is no control character, no
// line separator, and does not change the direction of the text around it
// (https://unicode.org/reports/tr9/#Directional_Formatting_Characters).
func printable(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return false
	case r == 0x061c, r == 0x200e, r == 0x200f:
		return false
	case r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return false
	}
	return true
}

// trimPartialRune removes from the end of b the beginning of a rune that a cut
// has separated from its rest.
func trimPartialRune(b []byte) []byte {
	for i := 1; i <= 3 && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= 0xc0 && !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}
