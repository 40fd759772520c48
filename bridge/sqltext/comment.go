// SPDX-License-Identifier: Apache-2.0

package sqltext

import "bytes"

// blank handles white space and comments: one space stays of both.
func (s *scanner) blank(pos, end int) int {
	start, comment := pos, false
	for pos < end {
		if s.classes[s.src[pos]] == clsBlank {
			pos++
			continue
		}
		next, ok := s.comment(pos, end)
		if !ok {
			s.flush(start)
			s.space()
			s.from = pos
			return s.never(pos, end, kindNumber)
		}
		if next == pos {
			break
		}
		pos, comment = next, true
	}
	if !comment && pos == start+1 && s.src[start] == ' ' && (start > s.from || s.tight()) {
		return pos // stays pending
	}
	s.flush(start)
	s.space()
	s.from = pos
	return pos
}

// comment returns the position after the comment at pos, or pos if there is
// none that is to be removed, or false if it never ends.
func (s *scanner) comment(pos, end int) (next int, closed bool) {
	src := s.src[:end]
	switch s.classes[src[pos]] {
	case clsHash, clsMinus:
		if !lineComment(src, pos, s.dialect) {
			return pos, true
		}
		next = skipLine(src, pos, s.dialect)
		// Within a special comment the server may find the end of that first.
		return next, next < end || end == len(s.src)
	case clsSlash:
		if blockAt(src, pos, s.dialect) == blockPlain {
			return skipBlock(src, pos, s.dialect)
		}
	}
	return pos, true
}

// slash handles a '/': an operator or one of the kinds of comments.
func (s *scanner) slash(pos, end int) int {
	switch blockAt(s.src[:end], pos, s.dialect) {
	case blockPlain:
		return s.blank(pos, end)
	case blockCode:
		return s.code(pos, end)
	case blockHint:
		return s.hint(pos, end)
	}
	s.prev = kindOp
	return pos + 1
}

// code handles an executable comment: its content is part of the statement.
// One that never ends is taken for code to the end of the text.
func (s *scanner) code(pos, end int) int {
	start := codeStart(s.src[:end], pos)
	stop := s.commentEnd(start, end)
	if stop < 0 && end < len(s.src) {
		return s.never(pos, end, kindNumber)
	}
	s.flush(pos)
	s.space()
	s.from = start
	if stop < 0 {
		return start
	}
	s.run(start, stop)
	if s.open {
		return end
	}
	s.flush(stop)
	s.space()
	s.from = stop + 2
	return stop + 2
}

// hint handles an optimizer hint: it stays, with its mark. What a hint does to
// lists and signs ends with it.
func (s *scanner) hint(pos, end int) int {
	stop := s.commentEnd(pos+3, end)
	if stop < 0 {
		return s.never(pos, end, kindNumber)
	}
	s.flush(pos)
	mark, saved := len(s.dst), s.lists
	s.lists = lists{}
	s.prev = kindOther
	s.run(pos+3, stop)
	s.lists = saved
	if s.open {
		s.dst = append(s.dst[:mark], '?')
		s.ambiguous = min(s.ambiguous, mark)
		return end
	}
	s.flush(stop + 2)
	s.prev = kindOther
	return stop + 2
}

// commentEnd returns the position of the next "*/" before end, or -1. A text
// without one is searched once only.
func (s *scanner) commentEnd(pos, end int) int {
	if s.endless {
		return -1
	}
	i := bytes.Index(s.src[pos:end], commentEnd)
	if i < 0 {
		s.endless = end == len(s.src)
		return -1
	}
	return pos + i
}
