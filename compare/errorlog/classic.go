// SPDX-License-Identifier: Apache-2.0

package errorlog

import (
	"bytes"
	"time"

	"github.com/spanbridge/spanbridge/compare/logfile"
)

// classic reads the head of a message in one of the forms
//
//	2024-05-10T17:45:09.474988Z 12 [Note] [MY-010914] [Server] text   MySQL 8.0 and later
//	2024-05-10T17:45:09.474988Z 12 [Note] text                        MySQL 5.7
//	2024-05-10  7:45:09 12 [Note] text                                MariaDB, MySQL 5.6
//	240510  7:45:09 [Note] text                                       older ones
func (r *Reader) classic(m *Message, line []byte) bool {
	open := bytes.Index(line[:min(len(line), 80)], []byte(" ["))
	if open < 0 {
		return false
	}
	if !r.head(m, line[:open]) {
		return false
	}
	label, text, ok := bracket(line[open+1:])
	if !ok {
		return false
	}
	if m.Severity, ok = severityOf(label); !ok {
		return false
	}
	if code, rest, ok := bracket(text); ok && bytes.HasPrefix(code, []byte("MY-")) {
		m.Code, text = r.texts.Name(code), rest
		if subsystem, rest, ok := bracket(text); ok {
			m.Subsystem, text = r.texts.Name(subsystem), rest
		}
	}
	r.processID(m, text)
	m.Text = r.texts.Message(text)
	return true
}

// head reads the stamp, and the number of a thread if there is one.
func (r *Reader) head(m *Message, b []byte) bool {
	if s, ok := r.stamp(b); ok {
		m.set(s)
		return true // older ones have no number
	}
	space := bytes.LastIndexByte(b, ' ')
	if space < 0 {
		return false
	}
	s, okStamp := r.stamp(b[:space])
	n, okNumber := logfile.Uint(b[space+1:])
	m.set(s)
	m.Connection = n
	return okStamp && okNumber
}

func (r *Reader) stamp(b []byte) (logfile.Stamp, bool) {
	if s, ok := logfile.ISO(b); ok {
		return s, true
	}
	return logfile.Local(b, r.zone)
}

func (m *Message) set(s logfile.Stamp) {
	m.At, m.Resolution = s.At, time.Microsecond
	if s.Second {
		m.Resolution = time.Second
	}
}

// bracket reads "[name] rest".
func bracket(b []byte) (name, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '[' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b, ']')
	if end < 0 || end > 32 {
		return nil, nil, false
	}
	return b[1:end], bytes.TrimPrefix(b[end+1:], []byte{' '}), true
}

// processID finds out whether the number before the label is that of the server's process,
// as it is before MySQL 5.7: "mysqld (mysqld 5.6.51) starting as process 1234 ...".
func (r *Reader) processID(m *Message, text []byte) {
	_, rest, ok := bytes.Cut(text, []byte("(mysqld "))
	if ok && bytes.Contains(rest, []byte(" as process ")) && len(rest) > 3 {
		r.pids = rest[0] == '5' && rest[1] == '.' && rest[2] < '7'
	}
	if r.pids {
		m.Connection = 0
	}
}
