// SPDX-License-Identifier: Apache-2.0

package sqltext

import "bytes"

// MaxMessage is the length in bytes to which [AppendSanitizedMessage] cuts.
// MySQL's own messages end at 512 bytes (MYSQL_ERRMSG_SIZE).
const MaxMessage = 512

// AppendSanitizedMessage appends a server's error message to dst without the
// values that servers quote in it, and returns the extended slice.
//
// Servers do not escape quotes within quoted values, so that quotes cannot be
// paired: one '?' replaces everything from the first quote ('...', "..." or
// `...`) to the last, or to the end of the message where the last one looks
// like an opening one. So it does for PostgreSQL's "(column)=(value)". Each
// word that contains a digit becomes '?' as well. What was appended is valid
// UTF-8 without control characters, at most [MaxMessage] bytes long.
//
// A message that a statement made up itself (SIGNAL, RAISE: SQLSTATE 45000 and
// P0001) is free text, which no rule can sanitise; callers leave it out.
func AppendSanitizedMessage(dst, msg []byte) []byte {
	base := len(dst)
	limit := base + MaxMessage
	from, to := quotedPart(msg)
	dst = appendMessageText(dst, msg[:from], limit)
	if from < to && len(dst) < limit {
		dst = append(dst, '?')
		dst = appendMessageText(dst, msg[to:], limit)
	}
	for len(dst) > base && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// quotedPart returns the bounds of what a message quotes, which are equal to
// len(msg) if it quotes nothing.
func quotedPart(msg []byte) (from, to int) {
	from, to = len(msg), len(msg)
	count, last := 0, 0
	for i := range msg {
		if !isQuote(msg, i) {
			continue
		}
		if count == 0 {
			from = i
		}
		count++
		last = i
	}
	if count > 0 && count%2 == 0 && closes(msg, last) {
		to = last + 1
	}
	if i := bytes.Index(msg, []byte("=(")); i >= 0 {
		end := bytes.LastIndexByte(msg, ')') + 1
		if end <= i+1 {
			end = len(msg)
		}
		if count > 0 {
			end = max(end, to)
		}
		from, to = min(from, i+1), end
	}
	return from, to
}

// isQuote reports whether a quote stands at i that is not the apostrophe of a
// word such as "doesn't".
func isQuote(msg []byte, i int) bool {
	switch msg[i] {
	case '"', '`':
		return true
	case '\'':
		return i == 0 || i+1 == len(msg) || !isLetter(msg[i-1]) || !isLetter(msg[i+1])
	}
	return false
}

// closes reports whether the quote at i is followed by what follows a closing
// one.
func closes(msg []byte, i int) bool {
	return i+1 == len(msg) || bytes.IndexByte([]byte(" .,;:)@"), msg[i+1]) >= 0
}

func isLetter(c byte) bool {
	return c >= 0x80 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// appendMessageText appends text that holds no quoted values; dst does not
// grow beyond limit.
func appendMessageText(dst, text []byte, limit int) []byte {
	for len(text) > 0 && len(dst) < limit {
		n, digits := 0, false
		for n < len(text) && (isLetter(text[n]) || text[n] == '_' || text[n] >= '0' && text[n] <= '9') {
			digits = digits || text[n] <= '9'
			n++
		}
		switch {
		case n == 0:
			dst = appendPrintable(dst, text[:1], limit-len(dst))
			n = 1
		case digits:
			dst = append(dst, '?')
		default:
			dst = appendPrintable(dst, text[:n], limit-len(dst))
		}
		text = text[n:]
	}
	return dst
}
