// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// Why statements are lost, of a log.
const (
	WhyDamaged   = "damaged lines in the log"
	WhyThrottled = "left out by log_throttle_queries_not_using_indexes"
	WhySampled   = "sampled by log_slow_rate_limit"
)

const maxLosses = 1000

// Options are what a log does not tell of itself.
type Options struct {
	// MinDuration is the server's long_query_time.
	MinDuration time.Duration
	// LeftOut names what else makes the server leave statements out, such as
	// MariaDB's log_slow_filter; "" if nothing does.
	LeftOut string
}

// state is where in the log a Reader is.
type state uint8

const (
	outside state = iota // of every entry
	inHead
	inText
	maybeHead   // in what may be a head, or a part of the text
	maybeBanner // the same, of what a server writes when it opens the file
)

// Reader is the account of a slow query log. It reads as it is asked, and
// keeps no more than one statement.
type Reader struct {
	from   io.Reader
	lines  *logfile.Lines
	texts  logfile.Texts
	nature compare.Nature
	losses []compare.Loss

	state     state
	now, next entry // whose head or text is read; what may come after
	text      logfile.Text
	mark      int // where in text next began
	databases databases
	version   version
	parsesAll bool // the server also logs what it cannot parse

	damaged  uint64
	torn     bool // lines were damaged since the last entry
	lastEnd  int64
	ready    bool
	complete compare.Statement
}

// New reads a log from r, which Close closes if it can be closed: a file, or a
// [logfile.Tail].
func New(r io.Reader, o Options) *Reader {
	return &Reader{from: r, lines: logfile.NewLines(r), nature: compare.Nature{
		Name: "slowlog", Resolution: time.Microsecond, MinDuration: o.MinDuration, Partial: o.LeftOut != "", Why: o.LeftOut,
	}}
}

// Next implements [compare.Account].
func (r *Reader) Next(s *compare.Statement) error {
	for {
		if r.ready {
			*s, r.ready = r.complete, false
			return nil
		}
		line, cut, err := r.lines.Next()
		if err == nil {
			r.line(line, cut)
			continue
		}
		if errors.Is(err, io.EOF) {
			r.atEnd()
		}
		if !r.ready {
			return err
		}
	}
}

// Nature implements [compare.Account].
func (r *Reader) Nature() compare.Nature { return r.nature }

// Losses implements [compare.Account].
func (r *Reader) Losses() []compare.Loss {
	source, ok := r.from.(interface{ Losses() []compare.Loss })
	if !ok {
		return r.losses
	}
	all := slices.Clone(source.Losses())
	for i := range all {
		all[i].From -= int64(r.nature.Resolution) // by which a stamp may be early
	}
	return append(all, r.losses...)
}

// Damaged is how many lines belong to no entry, or end one that has no end.
func (r *Reader) Damaged() uint64 { return r.damaged }

// Close implements [compare.Account].
func (r *Reader) Close() error {
	if c, ok := r.from.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// atEnd ends the entry that the log ends in.
func (r *Reader) atEnd() {
	switch r.state {
	case inHead:
		r.damage(1)
	case inText:
		r.finish(r.text.Bytes)
	case maybeHead, maybeBanner:
		r.damage(1)
		r.finish(r.text.Bytes[:r.mark])
	}
	r.state = outside
}

// finish yields the entry whose text is complete.
func (r *Reader) finish(text []byte) {
	e := &r.now
	known, resolution := e.settle(r.version.stampsStarts())
	if !known {
		r.damage(1)
		return
	}
	r.database(e)
	r.setText(e, text, r.text.Cut)
	r.learn(e, resolution)
	r.complete, r.ready = e.Statement, true
	r.recover(e)
}

// learn what the log can tell.
func (r *Reader) learn(e *entry, resolution time.Duration) {
	r.nature.Resolution = max(r.nature.Resolution, resolution)
	if e.Kind.Counts() {
		r.nature.Fields |= e.Has
	}
	if e.sampled {
		r.nature.Partial, r.nature.Why = true, WhySampled
	}
	if e.exact && !r.parsesAll {
		r.nature.SkipsUnparsed = true // only MySQL writes such stamps
	}
}

// database works out what no field of the entry tells.
func (r *Reader) database(e *entry) {
	if e.use {
		r.databases.named(e.Connection, e.Database)
		return
	}
	if e.Has.Has(compare.FieldDatabase) {
		return
	}
	if name, known := r.databases.of(e.Connection); known {
		e.Database = name
		e.Has |= compare.FieldsOf(compare.FieldDatabase)
	}
}
