// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"bytes"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// entry is what the head of an entry tells.
type entry struct {
	compare.Statement

	end      int64 // Unix time, nanoseconds, if its fraction is told
	exact    bool  // end counts
	fraction int64 // of the end, where only that is told without a time zone
	stamp    int64 // of SET timestamp, nanoseconds
	stamped  bool
	measured bool // Query_time was there: without it, it is no entry
	maria    bool // QC_hit: is told behind the database
	use      bool // a line "use database" was there
	schema   bool // the head tells the database
	inner    bool // a stored routine is named
	warnings bool // in the list of warnings of MariaDB
	sampled  bool
}

// settle works out the start, from what the formats tell of it. It reports whether
// anything is known, and how well: within a second, or two where it is the end that has a
// stamp of whole seconds.
func (e *entry) settle(startStamps bool) (known bool, resolution time.Duration) {
	q := int64(e.Duration)
	switch {
	case e.exact:
		e.Start = e.end - q
		return true, time.Microsecond
	case !e.stamped:
		return false, 0
	case e.fraction > 0:
		e.Start = e.stamp + e.fraction - q
		return true, time.Microsecond
	case startStamps || e.maria:
		e.Start = e.stamp
	default:
		// Whole seconds keep the order of those that ended within one.
		e.Start = e.stamp - q + q%int64(time.Second)
		return true, 2 * time.Second
	}
	if e.stamp%int64(time.Second) == 0 {
		return true, time.Second
	}
	return true, time.Microsecond
}

const administrator = "# administrator command: "

// setText takes the statement's text, without the semicolon that servers put behind it.
func (r *Reader) setText(e *entry, text []byte, cut bool) {
	text = bytes.TrimRight(text, "\r\n")
	text, closed := bytes.CutSuffix(text, []byte{';'})
	if command, ok := bytes.CutPrefix(text, []byte(administrator)); ok {
		e.Kind = compare.Other
		if string(command) == "Execute" {
			e.Kind = compare.Execute
		}
		if string(command) == "Change user" {
			r.databases.forget(e.Connection)
		}
		return
	}
	if e.inner {
		e.Kind = compare.Inner
	}
	r.suppressed(e, text)
	if e.Cut = cut || !closed; e.Cut && !cut {
		r.damage(1) // its end is missing
	}
	e.Has |= compare.FieldsOf(compare.FieldText)
	e.Text = r.texts.Statement(text, e.Cut)
	if strings.HasPrefix(e.Text, "DROP ") || strings.HasPrefix(e.Text, "drop ") {
		r.databases.forgetAll()
	}
}

// suppressed takes MySQL's note of how many statements it left out
// (log_throttle_queries_not_using_indexes) for what it is.
func (r *Reader) suppressed(e *entry, text []byte) {
	rest, ok := bytes.CutPrefix(text, []byte("throttle:"))
	if !ok || !bytes.HasSuffix(rest, []byte("warning(s) suppressed.")) {
		return
	}
	fields := bytes.Fields(rest)
	n, ok := logfile.Uint(fields[0])
	if !ok {
		return
	}
	e.Kind = compare.Other
	at := e.Start + int64(e.Duration)
	r.lose(compare.Loss{From: at - int64(time.Minute), To: at, Count: n, Why: WhyThrottled})
}
