// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"strconv"
	"strings"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

// SQLSTATEs under which a statement speaks its own free text: SIGNAL and RAISE
// by default, and PL/pgSQL's ASSERT
// (https://www.postgresql.org/docs/15/errcodes-appendix.html).
const (
	stateSignal = "45000"
	stateRaise  = "P0001"
	stateAssert = "P0004"
)

// Error numbers of MySQL and MariaDB under which SIGNAL does the same with any
// other SQLSTATE: ER_SIGNAL_NOT_FOUND and ER_SIGNAL_EXCEPTION.
const (
	numberSignalNotFound  = 1643
	numberSignalException = 1644
)

// describeError appends what is known of a failure. The status code of
// PostgreSQL is the SQLSTATE, that of MySQL the error number
// (https://opentelemetry.io/docs/specs/semconv/db/postgresql/, and mysql/).
func (a *Assembler) describeError(span *Span, op *Operation, t *told) {
	for i := range op.Fields {
		if f := &op.Fields[i]; f.Role == RoleSQLState && f.Attr != "" && t.sqlstate != "" {
			a.attrs = append(a.attrs, String(f.Attr, t.sqlstate))
		}
	}
	span.StatusText = a.statusText(op, t)
	code := t.sqlstate
	if op.numbersErrors() {
		if code = ""; t.number != 0 {
			code = a.names.number(t.number)
		}
	}
	if code == "" {
		a.attrs = append(a.attrs, String(keyErrorType, errorOther))
		return
	}
	a.attrs = append(a.attrs, String(keyStatus, code), String(keyErrorType, code))
}

// describeUnfinished says that an operation has not ended. It failed if it never
// will, for that reason: its thread ended first, as where a server is killed.
func (a *Assembler) describeUnfinished(span *Span, r *Record, reason string) {
	a.attrs = append(a.attrs, Bool(keyOpen, true))
	if class, known := r.now(); known {
		a.attrs = append(a.attrs, String(keyTimeNow, class.String()))
	}
	if span.Status == StatusError && span.StatusText == "" {
		span.StatusText = reason
	}
}

// numbersErrors reports whether the server's error numbers are captured.
func (o *Operation) numbersErrors() bool {
	for i := range o.Fields {
		if o.Fields[i].Role == RoleErrorNumber {
			return true
		}
	}
	return false
}

// unpackState makes the five characters of an SQLSTATE as PostgreSQL packs it.
func unpackState(packed uint64) (state [stateLength]byte) {
	for i := range state {
		state[i] = byte(packed>>(6*i)&0x3f) + '0'
	}
	return state
}

// StatusCode returns the text of a status in a histogram, which is not 0: the
// server's error number, or the SQLSTATE where the server has that only.
func (o *Operation) StatusCode(status uint32) string {
	if o.packsStates() && !o.numbersErrors() {
		state := unpackState(uint64(status))
		return string(state[:])
	}
	for i := range o.Fields {
		if f := &o.Fields[i]; f.Role == RoleErrorNumber {
			return f.Text(uint64(status))
		}
	}
	return strconv.FormatUint(uint64(status), 10)
}

// packsStates reports whether SQLSTATEs are captured as PostgreSQL packs them.
func (o *Operation) packsStates() bool {
	for i := range o.Fields {
		if o.Fields[i].Role == RoleSQLState && o.Fields[i].Type != FieldString {
			return true
		}
	}
	return false
}

// statusText returns the server's message without the values in it. A message
// of which neither number nor SQLSTATE is known may be a statement's own text,
// which no rule can sanitise; it is left out like those that are known to be.
func (a *Assembler) statusText(op *Operation, t *told) string {
	switch {
	case len(t.message) == 0:
		return ""
	case a.cfg.RawText:
		return strings.ReplaceAll(strings.ToValidUTF8(string(t.message), "\uFFFD"), "\x00", "\uFFFD")
	case t.sqlstate == "" && t.number == 0:
		return ""
	case t.sqlstate == stateSignal, t.sqlstate == stateRaise, t.sqlstate == stateAssert:
		return ""
	case op.Dialect == sqltext.MySQL && (t.number == numberSignalNotFound || t.number == numberSignalException):
		return ""
	}
	a.name = sqltext.AppendSanitizedMessage(a.name[:0], t.message)
	return a.names.text(a.name)
}

const stateLength = 5

// sqlstate returns a captured SQLSTATE: five digits or capital letters (ISO
// 9075-2, 24.1), and "" for anything else and for success. An integer is read
// as PostgreSQL packs it, six bits a character beginning with the lowest
// (MAKE_SQLSTATE in src/include/utils/elog.h).
func (a *Assembler) sqlstate(f *Field, r *Record) string {
	packed := unpackState(r.Values[f.Slot%MaxValues])
	state := packed[:]
	if f.Type == FieldString {
		state = r.Strings[f.Slot]
	}
	if len(state) != stateLength || string(state) == "00000" {
		return ""
	}
	for _, c := range state {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return a.names.text(state)
}
