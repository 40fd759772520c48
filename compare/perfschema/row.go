// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"bytes"
	"database/sql"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// columns are those that a row is scanned from, behind the number of the reading.
const columns = `THREAD_ID, EVENT_ID, END_EVENT_ID, EVENT_NAME, TIMER_START, TIMER_END, LOCK_TIME, SQL_TEXT, CURRENT_SCHEMA,
	MYSQL_ERRNO, RETURNED_SQLSTATE, ROWS_AFFECTED, ROWS_SENT, ROWS_EXAMINED, COALESCE(NESTING_EVENT_TYPE = 'STATEMENT', 0)`

// row is an event of a statement that has ended.
type row struct {
	key
	last       uint64 // number of its last event
	name       string
	start, end uint64 // of the timer
	inner      bool
	compare.Statement
}

// key is how an event is known again.
type key struct{ thread, event uint64 }

// reader makes rows of what a query tells.
type reader struct {
	mariadb bool
	old     bool // MySQL before 5.7
	maxText int  // performance_schema_max_sql_text_length
	texts   logfile.Texts
	names   map[string]string
}

var fields = compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldLockTime, compare.FieldError,
	compare.FieldSQLState, compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldRowsExamined,
	compare.FieldDatabase, compare.FieldUser)

// outcome is what MySQL 5.6 does not tell of executions of the binary protocol: it has zeros.
var outcome = compare.FieldsOf(compare.FieldError, compare.FieldSQLState, compare.FieldRowsSent, compare.FieldRowsAffected,
	compare.FieldRowsExamined)

// read reads the row that the query is at. It is false for what is not a whole event, and for what has counted.
func (r *reader) read(rows *sql.Rows, of *readings) (e row, whole bool, err error) {
	var nth int
	var name, text, state, database sql.RawBytes
	var last, start, end sql.Null[uint64]
	var locked uint64
	err = rows.Scan(&nth, &e.thread, &e.event, &last, &name, &start, &end, &locked, &text, &database, &e.Error, &state,
		&e.Affected, &e.Sent, &e.Examined, &e.inner)
	if err != nil {
		return e, false, err
	}
	of.row(nth)
	if !last.Valid || !start.Valid || !end.Valid || past(start.V, end.V) || of.counted(e.key) {
		return e, false, nil // it is being written, or is not timed
	}
	e.last, e.start, e.end = last.V, start.V, end.V
	e.name = r.name(name)
	e.Kind = kindOf(e.name, e.inner)
	e.Has = fields &^ compare.FieldsOf(compare.FieldUser)
	if r.old && e.Kind == compare.Execute {
		e.Has &^= outcome
	}
	e.Ref = e.event
	e.Duration = picoseconds(end.V - start.V)
	e.LockTime = picoseconds(locked)
	e.Database = r.texts.Name(database)
	if e.Error != 0 {
		e.SQLState = r.name(state)
	}
	r.text(&e, text)
	return e, true, nil
}

func picoseconds(ps uint64) time.Duration { return time.Duration(ps / 1000) }

// name keeps one string of what occurs often. There are some hundred.
func (r *reader) name(raw []byte) string {
	if known, ok := r.names[string(raw)]; ok {
		return known
	}
	if len(r.names) > 4096 || r.names == nil {
		r.names = make(map[string]string)
	}
	name := string(raw)
	r.names[name] = name
	return name
}

// kindOf tells what was asked for by the name of the event's class.
func kindOf(name string, inner bool) compare.Kind {
	class, command, _ := strings.Cut(strings.TrimPrefix(name, "statement/"), "/")
	switch {
	case inner || class == "sp" || class == "scheduler":
		return compare.Inner
	case class == "sql":
		return compare.Query
	case command == "Execute":
		return compare.Execute
	case command == "Query" || command == "new_packet": // which no class was found for
		return compare.Query
	}
	return compare.Other
}

// text sanitises what the server has kept of the text, if it is that of the statement.
func (r *reader) text(e *row, raw []byte) {
	ofPrepared := !r.mariadb && (e.name == "statement/sql/prepare_sql" || e.name == "statement/sql/execute_sql")
	if raw == nil || ofPrepared || e.Kind == compare.Other {
		e.Has &^= compare.FieldsOf(compare.FieldText)
		return
	}
	raw, e.Cut = r.cut(raw)
	e.Text = r.texts.Statement(raw, e.Cut)
	if (r.mariadb || r.old) && e.Kind == compare.Query {
		if first, more := firstOf(e.Text); more {
			e.Text, e.Cut = first, false
		}
	}
}

// cut finds out whether a text was cut: the server puts three dots at the end of such a one, MySQL 5.6 nothing. Characters of
// several bytes may be left out before.
func (r *reader) cut(raw []byte) (text []byte, cut bool) {
	const dots = "..."
	const longest = 4 // bytes of a character, of which part may have remained
	if before, ok := bytes.CutSuffix(raw, []byte(dots)); ok && len(raw) > r.maxText-3*longest {
		return before, true
	}
	return raw, r.old && len(raw) > r.maxText-longest
}

// firstOf returns the first of the statements of a sanitised text, and whether there are more.
func firstOf(text string) (first string, more bool) {
	for part := range logfile.Parts(text) {
		return part, len(part) < len(text)
	}
	return text, false
}
