// SPDX-License-Identifier: Apache-2.0

package sqltext

import "bytes"

// lists says where in which lists the scanner is, so that long ones become
// short: a list of literals keeps the first, a list of tuples too.
type lists struct {
	depth     int // of parentheses and brackets
	literals  int // depth within the innermost list of literals, or 0
	tuples    tupleState
	tupleAt   int // depth at which the tuples stand
	firstEnds int // len(dst) after the first tuple
}

type tupleState uint8

const (
	tuplesNone  tupleState = iota
	tuplesFirst            // within the first tuple
	tuplesGap              // after a tuple
	tuplesDrop             // within a tuple that goes
)

// at reports whether depth is that of a list of literals.
func (l *lists) at(depth int) bool { return l.literals > 0 && l.literals == depth }

// opener is what a word makes of the parenthesis after it.
type opener uint8

const (
	opensOther opener = iota
	opensLiterals
	opensTuples
)

// opening handles an opening parenthesis or bracket.
func (s *scanner) opening(pos int) int {
	l := &s.lists
	k := kindOpen
	if l.tuples == tuplesGap && l.depth == l.tupleAt {
		s.flush(pos)
		if tupleGap(s.dst[l.firstEnds:]) {
			l.tuples = tuplesDrop
		} else {
			l.tuples = tuplesNone
		}
	}
	switch s.opener(pos) {
	case opensLiterals:
		k = kindOpenList
		l.literals = l.depth + 1
	case opensTuples:
		if l.tuples == tuplesNone || l.tuples == tuplesGap {
			l.tuples, l.tupleAt = tuplesFirst, l.depth
		}
	}
	l.depth++
	s.prev = k
	return pos + 1
}

// closing handles a closing parenthesis or bracket.
func (s *scanner) closing(pos int) int {
	l := &s.lists
	s.prev = kindClose
	if l.depth == 0 {
		return pos + 1
	}
	if l.depth == l.literals {
		l.literals = 0
	}
	l.depth--
	switch {
	case l.tuples == tuplesNone:
	case l.depth < l.tupleAt:
		l.tuples = tuplesNone
	case l.depth == l.tupleAt && l.tuples == tuplesFirst:
		s.flush(pos + 1)
		l.tuples, l.firstEnds = tuplesGap, len(s.dst)
	case l.depth == l.tupleAt && l.tuples == tuplesDrop:
		s.dropTuples()
		s.from = pos + 1
		l.tuples = tuplesGap
	}
	return pos + 1
}

// endTuples removes what the end of the text has left of a list of tuples
// after the first.
func (s *scanner) endTuples() {
	l := &s.lists
	if l.tuples == tuplesDrop || l.tuples == tuplesGap && tupleGap(s.dst[l.firstEnds:]) {
		s.dropTuples()
	}
}

func (s *scanner) dropTuples() {
	s.dst = s.dst[:s.lists.firstEnds]
	s.ambiguous = min(s.ambiguous, len(s.dst))
}

// opener tells what the element before the parenthesis at pos makes of it.
func (s *scanner) opener(pos int) opener {
	if s.prev == kindOpenList && s.src[pos] == '(' {
		return opensTuples
	}
	if s.prev != kindWord || s.word > 0 && s.src[s.word-1] == '.' {
		return opensOther
	}
	word := s.src[s.word:s.wordEnd]
	if len(word) < 2 || len(word) > 6 {
		return opensOther
	}
	switch {
	case fold(word, "IN"), fold(word, "FIELD"), fold(word, "ARRAY"):
		return opensLiterals
	case fold(word, "VALUES"), fold(word, "VALUE"):
		return opensTuples
	case fold(word, "ROW"):
		s.flush(pos)
		out := bytes.TrimRight(s.dst[s.base:], " ")
		if n := len(out) - len("VALUES ROW"); n >= 0 && fold(out[n:], "VALUES ROW") {
			return opensTuples
		}
	}
	return opensOther
}

// tupleGap reports whether b is no more than what stands between two tuples.
func tupleGap(b []byte) bool {
	b = bytes.Trim(b, " ")
	if len(b) == 0 || b[0] != ',' {
		return false
	}
	b = bytes.TrimLeft(b[1:], " ")
	return len(b) == 0 || fold(b, "ROW")
}

// fold reports whether word is upper, which holds capitals and spaces, in any
// case.
func fold(word []byte, upper string) bool {
	if len(word) != len(upper) {
		return false
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}
