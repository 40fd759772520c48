// SPDX-License-Identifier: Apache-2.0

package sqltext

// number replaces the literal that begins at start and whose first digit or
// dot is at pos. A word that begins with a digit counts as a whole: a name such
// as 2024_orders goes with it, and no half of a malformed number is left.
func (s *scanner) number(start, pos, end int) int {
	src, t := s.src, s.classes
	for pos < end {
		c := src[pos]
		switch {
		case t[c] <= clsControl || c == '.':
			pos++
			continue
		case (c == '-' || c == '+') && src[pos-1]|0x20 == 'e' && pos+1 < end && t[src[pos+1]] == clsDigit:
			pos += 2
			continue
		}
		break
	}
	s.replace(start, pos, kindNumber)
	return pos
}

// dot handles a dot before a digit: it begins a number, unless it follows a
// name.
func (s *scanner) dot(pos, end int) int {
	if pos == 0 {
		return s.number(pos, pos, end)
	}
	if k := s.classes[s.src[pos-1]]; k > clsHigh && k != clsName {
		return s.number(pos, pos, end)
	}
	s.prev = kindOther
	return pos + 1
}

// sign handles + and -: a comment, an operator, or the sign of a number.
func (s *scanner) sign(pos, end int) int {
	src := s.src[:end]
	if lineComment(src, pos, s.dialect) {
		return s.blank(pos, end)
	}
	next := pos + 1
	if next < end && src[pos] == '-' && src[next] == '-' {
		// Not a comment to MySQL. The space keeps it from looking like one
		// where something after it is removed.
		s.change(next, next, " ")
		s.prev = kindOp
		return next
	}
	if s.signs() && next < end {
		if s.classes[src[next]] == clsDigit ||
			src[next] == '.' && next+1 < end && s.classes[src[next+1]] == clsDigit {
			return s.number(pos, next, end)
		}
	}
	s.prev = kindOp
	return next
}

// signs reports whether a sign after the previous element cannot be an
// operator between two operands.
func (s *scanner) signs() bool {
	switch s.prev {
	case kindStart, kindOpen, kindOpenList, kindComma, kindLiteralComma, kindOp:
		return true
	}
	return false
}

// str replaces the string whose first quote is at pos, with its prefix.
func (s *scanner) str(pos, end int) int {
	start, escapes := pos, s.dialect == MySQL
	k := kindString
	if s.prev == kindWord && s.wordEnd == pos {
		var escape bool
		start, escape = s.prefix(pos)
		escapes = escapes || escape
		if start < pos {
			s.prev = s.before
		}
	} else if s.prev == kindEscapeString {
		escapes = true // the continuation of an E'...'
	}
	if escapes && s.dialect == PostgreSQL {
		k = kindEscapeString
	}
	adjacent := start == pos && pos > 0 && s.classes[s.src[pos-1]] <= clsHigh
	next, closed, ambiguous := skipString(s.src[:end], pos, escapes)
	if !closed {
		s.never(start, end, k)
	} else {
		s.replace(start, next, k)
		adjacent = adjacent || next < end && s.classes[s.src[next]] <= clsHigh
	}
	if ambiguous && k != kindEscapeString && s.ambiguous < 0 {
		s.ambiguous = s.literal - 1
	}
	// A cut text need not end its strings, so that a letter next to a quote
	// has to do as the sign of wrongly paired ones.
	if s.cut && adjacent && s.ambiguous >= 0 {
		s.fault = true
	}
	return next
}

// prefix returns where the string at pos begins if the word before it belongs
// to it (N, X, B, E, or _charset), else pos, and whether it is an E.
func (s *scanner) prefix(pos int) (start int, escape bool) {
	word := s.src[s.word:s.wordEnd]
	if s.word < s.from {
		return pos, false
	}
	if word[0] == '_' {
		if s.dialect == MySQL {
			return s.word, false
		}
		return pos, false
	}
	if len(word) != 1 {
		return pos, false
	}
	switch word[0] | 0x20 {
	case 'n', 'x', 'b':
		return s.word, false
	case 'e':
		if s.dialect == PostgreSQL {
			return s.word, true
		}
	}
	return pos, false
}

// dollar handles a '$' that does not continue a word: in PostgreSQL a
// parameter, which stays, or a dollar-quoted string; in MySQL a name.
func (s *scanner) dollar(pos, end int) int {
	src, t := s.src[:end], s.classes
	if pos+1 < end && t[src[pos+1]] == clsDigit {
		next := pos + 1
		for next < end && t[src[next]] == clsDigit {
			next++
		}
		// The protocol numbers parameters with 16 bits; a number at the cut
		// may have more digits.
		if s.dialect == MySQL || next-pos > 6 || s.cut && next == end || next < end && t[src[next]] <= clsControl {
			return s.number(pos, pos+1, end)
		}
		return s.param(pos, next)
	}
	if s.dialect == MySQL {
		if s.wordEnd != pos {
			s.word, s.before = pos, s.prev
		}
		s.wordEnd, s.prev = pos+1, kindWord
		return pos + 1
	}
	next, closed := skipDollar(src, pos, t)
	switch {
	case closed:
		s.replace(pos, next, kindNumber)
	case next == end:
		return s.never(pos, end, kindNumber)
	default:
		s.prev = kindOp
		return pos + 1
	}
	return next
}

// param keeps a numbered parameter, but in a list of literals it is one of them.
func (s *scanner) param(pos, next int) int {
	if s.lists.at(s.lists.depth) {
		s.replace(pos, next, kindNumber)
		return next
	}
	s.flush(next)
	s.literal, s.prev = len(s.dst), kindNumber
	return next
}

// name keeps the quoted name at pos.
func (s *scanner) name(pos, end int) int {
	src, t := s.src[:end], s.classes
	quote, clean := src[pos], true
	for i := pos + 1; i < len(src); i++ {
		switch c := src[i]; {
		case c == quote:
			if i+1 < len(src) && src[i+1] == quote {
				i++ // a doubled quote is part of the name
				continue
			}
			if !clean {
				s.flush(pos)
				s.dst = appendPrintable(s.dst, src[pos:i+1], 3*(i+1-pos))
				s.from = i + 1
			}
			s.prev = kindName
			return i + 1
		case c < ' ' || t[c] == clsHigh || t[c] == clsControl:
			clean = false
		}
	}
	return s.never(pos, end, kindNumber)
}
