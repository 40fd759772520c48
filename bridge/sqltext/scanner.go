// SPDX-License-Identifier: Apache-2.0

package sqltext

import "unicode/utf8"

// kind is what the scanner saw last, white space and comments aside.
type kind uint8

const (
	kindStart kind = iota // the begin of the text or of a statement
	kindWord
	kindName // a quoted name
	kindNumber
	kindString
	kindEscapeString // PostgreSQL's E'...'
	kindComma
	kindLiteralComma // a comma after a literal
	kindOpen
	kindOpenList // the parenthesis after IN
	kindClose
	kindOp
	kindOther
)

// scanner copies src to dst. Text that stays as it is is not copied byte by
// byte: src[from:pos] is pending until something has to change.
type scanner struct {
	dst     []byte
	src     []byte
	classes *classes
	dialect Dialect
	cut     bool // src is the head of a longer text

	base    int // len(dst) at the start
	from    int
	word    int // src[word:wordEnd] is the last unquoted word
	wordEnd int
	literal int // len(dst) after the last '?'
	prev    kind
	before  kind // what stood before the last word

	lists lists

	// ambiguous is the position in dst of the first string whose end depends
	// on the meaning of backslashes, or -1; fault says that the text is not
	// well-formed, so that the assumed meaning may be the wrong one.
	ambiguous int
	fault     bool
	// open says that a quote or comment within a special comment does not end
	// in it: nothing that follows can be classified.
	open bool
	// endless says that there is no further "*/" in src.
	endless bool
}

func newScanner(dst, src []byte, d Dialect) scanner {
	return scanner{
		dst: dst, src: src, classes: classesOf(d), dialect: d,
		base: len(dst), wordEnd: -1, ambiguous: -1,
	}
}

// run scans src[pos:end].
func (s *scanner) run(pos, end int) {
	src, t := s.src[:end], s.classes
	for pos < len(src) {
		switch t[src[pos]] {
		case clsWord:
			if s.wordEnd != pos {
				s.word, s.before = pos, s.prev
			}
			pos++
			for pos < len(src) && t[src[pos]] <= clsDollar {
				pos++
			}
			s.wordEnd, s.prev = pos, kindWord
		case clsBlank:
			if src[pos] == ' ' && pos+1 < len(src) && t[src[pos+1]] < clsBlank && (pos > s.from || s.tight()) {
				pos++
				continue
			}
			pos = s.blank(pos, end)
		case clsOp:
			pos++
			s.prev = kindOp
		case clsComma:
			pos++
			s.prev = s.afterComma()
		case clsDigit:
			pos = s.number(pos, pos, end)
		case clsParam:
			s.replace(pos, pos+1, kindNumber)
			pos++
		case clsString:
			pos = s.str(pos, end)
		case clsOpen:
			pos = s.opening(pos)
		case clsClose:
			pos = s.closing(pos)
		case clsName:
			pos = s.name(pos, end)
		case clsDot:
			if pos+1 < len(src) && t[src[pos+1]] == clsDigit {
				pos = s.dot(pos, end)
				continue
			}
			pos++
			s.prev = kindOther
		default:
			pos = s.rare(pos, end)
		}
	}
}

// rare handles the classes that ordinary statements hardly contain.
func (s *scanner) rare(pos, end int) int {
	switch s.classes[s.src[pos]] {
	case clsHigh:
		return s.high(pos, end)
	case clsMinus, clsPlus:
		return s.sign(pos, end)
	case clsSlash:
		return s.slash(pos, end)
	case clsHash:
		return s.blank(pos, end)
	case clsDollar:
		return s.dollar(pos, end)
	case clsSemicolon:
		s.prev = kindStart
	case clsBackslash:
		// \N is MySQL's NULL; any other backslash outside of quotes means
		// that they were paired wrongly.
		if pos+1 == end || s.src[pos+1] != 'N' {
			s.fault = true
		}
		s.prev = kindOther
	case clsControl:
		s.change(pos, pos+1, replacement)
	}
	return pos + 1
}

// flush copies the pending text up to the position to.
func (s *scanner) flush(to int) {
	if to > s.from {
		s.dst = append(s.dst, s.src[s.from:to]...)
		s.from = to
	}
}

// change writes text in place of src[pos:next].
func (s *scanner) change(pos, next int, text string) {
	s.flush(pos)
	s.dst = append(s.dst, text...)
	s.from = next
	s.prev = kindOther
}

// tight reports whether a space may follow what was written.
func (s *scanner) tight() bool {
	n := len(s.dst)
	return n > s.base && s.dst[n-1] != ' '
}

// space writes one space, unless there is one or nothing was written yet.
func (s *scanner) space() {
	if s.tight() {
		s.dst = append(s.dst, ' ')
	}
}

// replace writes '?' in place of the literal src[pos:next], unless it belongs
// to the literal before it.
func (s *scanner) replace(pos, next int, k kind) {
	adjacent := k >= kindString && (s.prev == kindString || s.prev == kindEscapeString)
	if adjacent || s.prev == kindLiteralComma && s.lists.at(s.lists.depth) {
		s.dst = s.dst[:s.literal]
	} else {
		s.flush(pos)
		s.dst = append(s.dst, '?')
		s.literal = len(s.dst)
	}
	s.from, s.prev = next, k
}

func (s *scanner) afterComma() kind {
	if s.prev >= kindNumber && s.prev <= kindEscapeString {
		return kindLiteralComma
	}
	return kindComma
}

// never handles an element that begins at pos and does not end before end.
func (s *scanner) never(pos, end int, k kind) int {
	s.replace(pos, end, k)
	if end < len(s.src) {
		s.open = true
		s.from = len(s.src)
	} else {
		s.fault = !s.cut || s.fault
	}
	return end
}

// dropLastWord removes the word that the cut has reached.
func (s *scanner) dropLastWord() {
	if s.prev == kindWord && s.wordEnd == len(s.src) && s.word >= s.from {
		s.flush(s.word)
		s.from = len(s.src)
	}
}

// finish completes dst and returns it.
func (s *scanner) finish() []byte {
	s.flush(len(s.src))
	s.endTuples()
	if s.fault && s.ambiguous >= 0 {
		s.dst = append(s.dst[:s.ambiguous], '?')
	}
	n := len(s.dst)
	for n > s.base && (s.dst[n-1] == ' ' || s.dst[n-1] == ';') {
		n--
	}
	return s.dst[:n]
}

// high handles a rune beyond ASCII: part of a word, or not to be shown.
func (s *scanner) high(pos, end int) int {
	r, size := utf8.DecodeRune(s.src[pos:end])
	if r == utf8.RuneError && size == 1 {
		next := pos + 1
		for next < end && s.classes[s.src[next]] == clsHigh {
			if r, size := utf8.DecodeRune(s.src[next:end]); r != utf8.RuneError || size != 1 {
				break
			}
			next++
		}
		s.change(pos, next, replacement)
		return next
	}
	if !printable(r) {
		s.change(pos, pos+size, replacement)
		return pos + size
	}
	if s.wordEnd != pos {
		s.word, s.before = pos, s.prev
	}
	s.wordEnd, s.prev = pos+size, kindWord
	return pos + size
}
