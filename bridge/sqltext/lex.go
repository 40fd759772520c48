// SPDX-License-Identifier: Apache-2.0

package sqltext

import "bytes"

// The functions of this file find the end of one lexical element. They take
// the position of its first byte and return the position after its last one;
// where the element never ends they return len(src) and false. A caller that
// wants a bound passes a shorter slice.

var commentEnd = []byte("*/")

// skipString skips a quoted string, in which a doubled quote is one quote.
// With escapes, so is a quote after an odd number of backslashes. It reports as
// ambiguous a string in which that rule made or would have made a difference.
func skipString(src []byte, pos int, escapes bool) (next int, closed, ambiguous bool) {
	quote := src[pos]
	seg := pos + 1
	for {
		i := bytes.IndexByte(src[seg:], quote)
		if i < 0 {
			return len(src), false, ambiguous
		}
		end := seg + i
		first := end
		for first > seg && src[first-1] == '\\' {
			first--
		}
		if (end-first)&1 == 1 {
			ambiguous = true
			if escapes {
				seg = end + 1
				continue
			}
		}
		if end+1 == len(src) || src[end+1] != quote {
			return end + 1, true, ambiguous
		}
		seg = end + 2
	}
}

// skipName skips a quoted name, in which a doubled quote is one quote.
func skipName(src []byte, pos int) (next int, closed bool) {
	next, closed, _ = skipString(src, pos, false)
	return next, closed
}

// skipBlock skips a /* ... */ comment, nested where the dialect nests them.
func skipBlock(src []byte, pos int, d Dialect) (next int, closed bool) {
	pos += 2
	if d != PostgreSQL {
		i := bytes.Index(src[pos:], commentEnd)
		if i < 0 {
			return len(src), false
		}
		return pos + i + 2, true
	}
	for depth := 1; pos+1 < len(src); {
		switch {
		case src[pos] == '/' && src[pos+1] == '*':
			depth++
			pos += 2
		case src[pos] == '*' && src[pos+1] == '/':
			pos += 2
			if depth--; depth == 0 {
				return pos, true
			}
		default:
			pos++
		}
	}
	return len(src), false
}

// skipLine skips a comment that ends with its line and returns the position of
// the line's end. PostgreSQL takes a carriage return for one, MySQL does not.
func skipLine(src []byte, pos int, d Dialect) int {
	if d == PostgreSQL {
		if i := bytes.IndexAny(src[pos:], "\r\n"); i >= 0 {
			return pos + i
		}
		return len(src)
	}
	if i := bytes.IndexByte(src[pos:], '\n'); i >= 0 {
		return pos + i
	}
	return len(src)
}

// lineComment reports whether a comment that ends with its line begins at pos.
// In MySQL two dashes begin one only before white space or a control
// character (https://dev.mysql.com/doc/refman/8.4/en/comments.html).
func lineComment(src []byte, pos int, d Dialect) bool {
	if src[pos] == '#' {
		return d == MySQL
	}
	if src[pos] != '-' || pos+1 == len(src) || src[pos+1] != '-' {
		return false
	}
	return d == PostgreSQL || pos+2 == len(src) || src[pos+2] <= ' ' || src[pos+2] == 0x7f
}

// blockKind tells what begins at pos.
type blockKind uint8

const (
	blockNone blockKind = iota
	blockPlain
	blockCode // MySQL's /*! and MariaDB's /*M!
	blockHint // /*+
)

func blockAt(src []byte, pos int, d Dialect) blockKind {
	if pos+1 >= len(src) || src[pos] != '/' || src[pos+1] != '*' {
		return blockNone
	}
	if d != MySQL || pos+2 == len(src) {
		return blockPlain
	}
	switch src[pos+2] {
	case '!':
		return blockCode
	case '+':
		return blockHint
	case 'M':
		if pos+3 < len(src) && src[pos+3] == '!' {
			return blockCode
		}
	}
	return blockPlain
}

// codeStart returns where the code of the executable comment at pos begins,
// after the mark and the version: five or six digits, else there is none.
func codeStart(src []byte, pos int) int {
	pos += 3
	if src[pos-1] == 'M' {
		pos++
	}
	n := 0
	for n < 6 && pos+n < len(src) && src[pos+n] >= '0' && src[pos+n] <= '9' {
		n++
	}
	if n < 5 {
		n = 0
	}
	return pos + n
}

// skipDollar skips a dollar-quoted string. It returns pos where none begins.
func skipDollar(src []byte, pos int, t *classes) (next int, closed bool) {
	i := pos + 1
	for i < len(src) && t[src[i]] <= clsControl && src[i] != '$' && (t[src[i]] != clsDigit || i > pos+1) {
		i++
	}
	if i == len(src) || src[i] != '$' {
		return pos, false
	}
	tag := src[pos : i+1]
	j := bytes.Index(src[i+1:], tag)
	if j < 0 {
		return len(src), false
	}
	return i + 1 + j + len(tag), true
}
