// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"bytes"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// begins says what kind of line an entry may begin with this one is.
func begins(line []byte) bool {
	return len(line) > 8 && line[0] == '#' && (bytes.HasPrefix(line, []byte("# Time: ")) ||
		bytes.HasPrefix(line, []byte("# User@Host: ")) || bytes.HasPrefix(line, []byte("# Query_time: ")))
}

// headLine reads a line of a head. It reports false where no head has such a line
// at that place.
func (r *Reader) headLine(e *entry, line []byte) bool {
	line = bytes.TrimRight(line, "\r")
	switch {
	case bytes.HasPrefix(line, []byte("# Time: ")):
		return !e.measured && e.timeLine(line[len("# Time: "):])
	case bytes.HasPrefix(line, []byte("# User@Host: ")):
		return !e.measured && r.userLine(e, line[len("# User@Host: "):])
	case bytes.HasPrefix(line, []byte("# Warnings")):
		e.warnings = true
	case e.warnings:
		e.warningLine(line)
	case bytes.HasPrefix(line, []byte("# explain:")), string(line) == "#":
	case bytes.HasPrefix(line, []byte("# Stored")):
		e.inner = true // "Stored_routine:", Percona "Stored routine:"
	case bytes.HasPrefix(line, []byte("# ")):
		return r.fields(e, line[2:])
	default:
		return false
	}
	return true
}

// timeLine reads the end. Where it has no time zone, only what is below the second is used.
func (e *entry) timeLine(b []byte) bool {
	if s, ok := logfile.ISO(b); ok {
		e.end, e.exact = s.At, true
		return true
	}
	s, ok := logfile.Local(b, time.UTC)
	e.fraction = s.At % int64(time.Second)
	return ok
}

// userLine reads "account[user] @ host [address]  Id:    12". The user is the one who
// logged in.
func (r *Reader) userLine(e *entry, b []byte) bool {
	user := loginOf(b)
	if user == nil {
		return false
	}
	e.User = r.texts.Name(user)
	e.Has |= compare.FieldsOf(compare.FieldUser)
	const id = " Id:" // after the address, which ends with a bracket
	i := bytes.LastIndex(b, []byte(id))
	if i < 1 || b[i-1] != ']' && b[i-1] != ' ' {
		return true
	}
	n, ok := logfile.Uint(bytes.TrimSpace(b[i+len(id):]))
	e.Connection = n
	return ok
}

// loginOf returns the user of "account[user] @ host [address]", or nil. The two are
// the same but for proxies and anonymous accounts, and may hold brackets.
func loginOf(b []byte) []byte {
	at := bytes.LastIndex(b, []byte("] @ "))
	if at < 0 {
		return nil
	}
	b = b[:at]
	open := bytes.IndexByte(b, '[')
	if half := len(b) / 2; len(b)%2 == 1 && b[half] == '[' {
		open = half
	}
	if open < 0 {
		return nil
	}
	return b[open+1:]
}

// warningLine reads "# Error 1062 Duplicate entry ...": the last one is what the
// statement failed with. Where there is none it may have failed nevertheless.
func (e *entry) warningLine(line []byte) {
	rest, ok := bytes.CutPrefix(line, []byte("# Error "))
	if !ok {
		return
	}
	number, _, _ := bytes.Cut(rest, []byte{' '})
	if n, ok := logfile.Uint(number); ok && n < 1<<16 {
		e.Error = uint32(n)
		e.Has |= compare.FieldsOf(compare.FieldError)
	}
}

// fields reads pairs of names and values: "Query_time: 0.000244  Lock_time: 0.000003 Rows_sent: 0".
// What is not known is left aside. Only a broken value of what is known is a fault.
func (r *Reader) fields(e *entry, b []byte) bool {
	for len(b) > 0 {
		if b[0] == ' ' {
			b = b[1:]
			continue
		}
		colon := bytes.IndexByte(b, ':')
		if colon < 0 {
			break
		}
		name := b[:colon]
		if b = b[colon+1:]; len(b) > 0 {
			b = b[1:]
		}
		n := bytes.IndexByte(b, ' ')
		switch {
		case string(name) == "Schema":
			n = schemaEnd(b)
		case n < 0:
			n = len(b)
		}
		if !r.field(e, name, b[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

// schemaEnd is where the name of a database ends, which may hold anything.
func schemaEnd(b []byte) int {
	for _, next := range [...]string{"  QC_hit: ", "  Last_errno: ", " Last_errno: ", " Errno: ", " Rows_affected: "} {
		if i := bytes.LastIndex(b, []byte(next)); i >= 0 {
			return i
		}
	}
	return len(b)
}

func (r *Reader) field(e *entry, name, value []byte) (ok bool) {
	var n uint64
	ok = true
	switch string(name) {
	case "Query_time":
		e.Duration, e.measured = 0, true
		e.Duration, ok = logfile.Seconds(value)
		e.Has |= compare.FieldsOf(compare.FieldDuration)
	case "Lock_time":
		e.LockTime, ok = logfile.Seconds(value)
		e.Has |= compare.FieldsOf(compare.FieldLockTime)
	case "Rows_sent":
		e.Sent, ok = logfile.Uint(value)
		e.Has |= compare.FieldsOf(compare.FieldRowsSent)
	case "Rows_examined":
		e.Examined, ok = logfile.Uint(value)
		e.Has |= compare.FieldsOf(compare.FieldRowsExamined)
	case "Rows_affected":
		e.Affected, ok = logfile.Uint(value)
		e.Has |= compare.FieldsOf(compare.FieldRowsAffected)
	case "Thread_id":
		e.Connection, ok = logfile.Uint(value)
	case "Errno", "Last_errno":
		n, ok = logfile.Uint(value)
		e.Error = uint32(n)
		e.Has |= compare.FieldsOf(compare.FieldError)
		ok = ok && n < 1<<32
	case "Schema":
		e.Database, e.schema = r.texts.Name(bytes.TrimSpace(value)), true
		e.Has |= compare.FieldsOf(compare.FieldDatabase)
	case "QC_hit":
		e.maria = true
	case "Log_slow_rate_limit":
		n, ok = logfile.Uint(value)
		e.sampled = n > 1
	}
	return ok
}

// useLine reads "use database;".
func useLine(line []byte) (name []byte, ok bool) {
	name, ok = bytes.CutPrefix(bytes.TrimRight(line, "\r"), []byte("use "))
	if !ok {
		return nil, false
	}
	if name, ok = bytes.CutSuffix(name, []byte{';'}); !ok {
		return nil, false
	}
	if n := len(name); n > 1 && name[0] == '`' && name[n-1] == '`' {
		name = bytes.ReplaceAll(name[1:n-1], []byte("``"), []byte("`")) // as MariaDB quotes it
	}
	return name, true
}

// setLine reads "SET timestamp=1715363109;", which may set the insert id, too.
func (e *entry) setLine(line []byte) bool {
	line = bytes.TrimRight(line, "\r")
	if !bytes.HasPrefix(line, []byte("SET ")) {
		return false
	}
	i := bytes.LastIndex(line, []byte("timestamp="))
	if i < 0 || line[len(line)-1] != ';' {
		return false
	}
	at, ok := logfile.Seconds(line[i+len("timestamp=") : len(line)-1])
	e.stamp, e.stamped = int64(at), ok
	return ok
}
