// SPDX-License-Identifier: Apache-2.0

package sqltext

import "bytes"

// Setting says what a statement does to the user variable @traceparent of its
// session.
type Setting uint8

const (
	// SettingNone: the statement is no SET, or sets other variables.
	SettingNone Setting = iota
	// SettingContext: it sets the variable to a valid traceparent.
	SettingContext
	// SettingCleared: it sets the variable to NULL or ''.
	SettingCleared
	// SettingUnknown: it sets the variable to an invalid traceparent, or to an
	// expression whose value the text does not tell.
	SettingUnknown
)

// String returns the setting as a word, for messages.
func (s Setting) String() string {
	switch s {
	case SettingContext:
		return "context"
	case SettingCleared:
		return "cleared"
	case SettingUnknown:
		return "unknown"
	}
	return "none"
}

// FindSetting reads what the first statement of text does to @traceparent.
// Only [SettingContext] comes with a carrier, which does not refer to text.
//
// It reads the list of a SET statement as MySQL and MariaDB do
// (https://dev.mysql.com/doc/refman/8.4/en/set-variable.html): names in any
// case, quoted or not, "=" or ":=", and the last assignment of several is the
// one that counts. Only a literal tells a value. Assignments within an
// expression, and by SELECT, are not seen. PostgreSQL has no such variables.
//
// A traceparent must be valid as in [FindCarrier]. The text is read once, and
// only if it begins with SET; nothing is allocated.
func FindSetting(text []byte, d Dialect) (Carrier, Setting) {
	pos := setStatement(text, d)
	if pos < 0 {
		return Carrier{}, SettingNone
	}
	l := setList{text: text, pos: pos}
	l.read()
	if !l.whole {
		return Carrier{}, unknownIf(l.setting != SettingNone || mentions(text))
	}
	return l.carrier, l.setting
}

// FindSettingCut is [FindSetting] for a text of which only the head and the
// tail, its last bytes, are known. A SET statement that does not end within the
// head may assign anything further on: where head and tail do not name the
// variable it is [SettingCleared], else [SettingUnknown].
func FindSettingCut(head, tail []byte, d Dialect) (Carrier, Setting) {
	pos := setStatement(head, d)
	if pos < 0 {
		return Carrier{}, SettingNone
	}
	l := setList{text: head, pos: pos}
	l.read()
	if l.ended {
		return l.carrier, l.setting
	}
	if mentions(head) || mentions(tail) {
		return Carrier{}, SettingUnknown
	}
	return Carrier{}, SettingCleared
}

func unknownIf(unknown bool) Setting {
	if unknown {
		return SettingUnknown
	}
	return SettingNone
}

// mentions reports whether the variable's name is anywhere in text.
func mentions(text []byte) bool {
	n := len(traceparentKey)
	for i := 0; i+n <= len(text); i++ {
		if text[i]|0x20 == 't' && bytes.EqualFold(text[i:i+n], traceparentKey) {
			return true
		}
	}
	return false
}

// setList is the list of assignments of a SET statement.
type setList struct {
	text    []byte
	pos     int
	carrier Carrier
	setting Setting
	whole   bool // read to the end of the statement
	ended   bool // and that was a semicolon
}

// setStatement returns the position after the SET that text begins with, after
// comments, or -1. Almost all statements are told apart by their first byte.
func setStatement(text []byte, d Dialect) int {
	if d == PostgreSQL {
		return -1
	}
	pos := leading(text, d)
	if pos == len(text) || text[pos]|0x20 != 's' {
		return -1
	}
	word := wordAt(text, pos)
	if len(word) != 3 || !bytes.EqualFold(word, []byte("SET")) {
		return -1
	}
	return pos + len(word)
}

// wordAt returns the unquoted word at pos, maybe empty.
func wordAt(text []byte, pos int) []byte {
	end := pos
	for end < len(text) && mysqlClasses[text[end]] <= clsHigh {
		end++
	}
	return text[pos:end]
}

func (l *setList) blank() {
	for l.pos < len(l.text) {
		next := skipBlank(l.text, l.pos, MySQL)
		if next == l.pos {
			return
		}
		l.pos = next
	}
}

// read goes through the list. It gives up, and leaves whole unset, at what
// never ends, at executable comments, which a server may skip, and at
// MariaDB's SET STATEMENT ... FOR.
func (l *setList) read() {
	l.blank()
	if bytes.EqualFold(wordAt(l.text, l.pos), []byte("STATEMENT")) {
		return
	}
	for depth, begins := 0, true; ; {
		l.blank()
		if begins && l.variable() {
			l.value()
		}
		begins = false
		if l.pos == len(l.text) || depth == 0 && l.text[l.pos] == ';' {
			l.whole, l.ended = true, l.pos < len(l.text)
			return
		}
		switch l.text[l.pos] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			begins = depth == 0
		}
		if !l.skip() {
			return
		}
	}
}

// skip skips a token. It returns false at one that hides what follows.
func (l *setList) skip() bool {
	if blockAt(l.text, l.pos, MySQL) == blockCode {
		return false
	}
	next, closed, _ := skipToken(l.text, l.pos, MySQL, false)
	l.pos = next
	return closed
}

// variable skips "@traceparent =" and returns true, or leaves the position.
func (l *setList) variable() bool {
	start := l.pos
	if name, ok := l.name(); ok && bytes.EqualFold(name, traceparentKey) {
		l.blank()
		if l.pos < len(l.text) && l.text[l.pos] == ':' {
			l.pos++
		}
		if l.pos < len(l.text) && l.text[l.pos] == '=' {
			l.pos++
			l.blank()
			return true
		}
	}
	l.pos = start
	return false
}

// name skips the user variable at the position and returns its name. Unquoted
// ones may hold dots (https://dev.mysql.com/doc/refman/8.4/en/user-variables.html).
func (l *setList) name() (name []byte, ok bool) {
	if l.pos+1 >= len(l.text) || l.text[l.pos] != '@' {
		return nil, false
	}
	start := l.pos + 1
	switch quote := l.text[start]; quote {
	case '\'', '"', '`':
		next, closed, _ := skipString(l.text, start, quote != '`')
		l.pos = next
		return l.text[start+1 : max(next-1, start+1)], closed
	}
	end := start
	for end < len(l.text) && (mysqlClasses[l.text[end]] <= clsHigh || l.text[end] == '.') {
		end++
	}
	l.pos = end
	return l.text[start:end], true
}

// value reads what the variable is set to. Of an expression that is no literal
// it leaves the rest to be skipped.
func (l *setList) value() {
	l.carrier, l.setting = Carrier{}, SettingUnknown
	var c Carrier
	s := SettingUnknown
	if l.pos < len(l.text) && mysqlClasses[l.text[l.pos]] == clsString {
		next, closed, _ := skipString(l.text, l.pos, true)
		if !closed {
			return // skip finds the same
		}
		content := l.text[l.pos+1 : next-1]
		switch {
		case len(content) == 0:
			s = SettingCleared
		case c.parse(content):
			s = SettingContext
		}
		l.pos = next
	} else if word := wordAt(l.text, l.pos); bytes.EqualFold(word, []byte("NULL")) {
		s = SettingCleared
		l.pos += len(word)
	}
	l.blank()
	if s != SettingUnknown && (l.pos == len(l.text) || l.text[l.pos] == ',' || l.text[l.pos] == ';') {
		l.carrier, l.setting = c, s
	}
}
