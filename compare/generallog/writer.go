// SPDX-License-Identifier: Apache-2.0

package generallog

import (
	"strings"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// command is what a client asked for, as far as it matters.
type command uint8

const (
	other command = iota
	query
	execute
)

func commandOf(name []byte) command {
	switch string(name) {
	case "Query":
		return query
	case "Execute":
		return execute
	}
	return other
}

const maxConnections = 64 << 10

// writer makes statements of entries.
type writer struct {
	texts     logfile.Texts
	waiting   []compare.Statement
	executing map[uint64]bool // connections that asked for an EXECUTE by its text
}

// next takes what was written first.
func (w *writer) next(s *compare.Statement) bool {
	if len(w.waiting) == 0 {
		return false
	}
	*s = w.waiting[0]
	w.waiting = w.waiting[1:]
	return true
}

// write makes one statement of an entry, or several where a packet of several is
// logged as one.
func (w *writer) write(s compare.Statement, c command, text []byte, cut, packets bool) {
	w.waiting = w.waiting[:0]
	if c == other || s.Connection == 0 { // the server's own
		s.Kind = compare.Other
		w.waiting = append(w.waiting, s)
		return
	}
	s.Has |= compare.FieldsOf(compare.FieldText)
	s.Cut = cut
	s.Text = w.texts.Statement(text, s.Cut)
	if c == execute {
		s.Kind = compare.Execute
		if w.executing[s.Connection] {
			s.Kind = compare.Inner
		}
		delete(w.executing, s.Connection)
		w.waiting = append(w.waiting, s)
		return
	}
	s.Kind = compare.Query
	w.note(s.Connection, isExecute(s.Text))
	if !packets || !strings.Contains(s.Text, ";") {
		w.waiting = append(w.waiting, s)
		return
	}
	for part := range logfile.Parts(s.Text) {
		one := s
		one.Text = part
		w.waiting = append(w.waiting, one)
	}
}

// note remembers whether what a connection asked for executes another statement.
func (w *writer) note(connection uint64, executes bool) {
	if !executes {
		delete(w.executing, connection)
		return
	}
	if w.executing == nil || len(w.executing) >= maxConnections {
		w.executing = make(map[uint64]bool)
	}
	w.executing[connection] = true
}

func isExecute(text string) bool {
	const verb = "EXECUTE "
	return len(text) > len(verb) && strings.EqualFold(text[:len(verb)], verb)
}
