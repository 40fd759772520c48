// SPDX-License-Identifier: Apache-2.0

package generallog

import (
	"bytes"
	"io"
	"slices"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// WhyUndated names the loss of what a log tells before its first stamp, where
// reading began within a second.
const WhyUndated = "logged before the first stamp that was read"

// Reader is the account of a general log. It reads as it is asked, and
// keeps no more than one entry.
type Reader struct {
	from   io.Reader
	zone   *time.Location
	lines  *logfile.Lines
	writer writer
	nature compare.Nature

	open    bool // an entry is read
	now     compare.Statement
	command command
	text    logfile.Text
	last    logfile.Stamp // of the log
	dated   bool
	undated uint64
	banner  int // lines of a banner that may follow
	damaged uint64
}

// New reads a log from r, which Close closes if it can be closed: a file, or a
// [logfile.Tail]. The zone is the server's, in which MariaDB writes stamps.
func New(r io.Reader, zone *time.Location) *Reader {
	return &Reader{from: r, zone: zone, lines: logfile.NewLines(r), nature: natureOf(time.Microsecond)}
}

func natureOf(resolution time.Duration) compare.Nature {
	return compare.Nature{Name: "generallog", Resolution: resolution, Fields: compare.FieldsOf(compare.FieldText)}
}

// Next implements [compare.Account].
func (r *Reader) Next(s *compare.Statement) error {
	for {
		if r.writer.next(s) {
			return nil
		}
		line, cut, err := r.lines.Next()
		if err == nil {
			r.line(line, cut)
			continue
		}
		if r.finish(); len(r.writer.waiting) == 0 {
			return err
		}
	}
}

func (r *Reader) line(line []byte, cut bool) {
	if h, ok := parseHead(line, r.zone); ok {
		r.finish()
		r.begin(&h, cut)
		return
	}
	switch {
	case logfile.IsBanner(line):
		r.finish()
		r.banner = 2
		r.writer.executing = nil
		r.nature.SkipsUnparsed = !bytes.Contains(line, []byte("MariaDB"))
	case r.banner > 0 && (logfile.IsPort(line) || logfile.IsColumns(line)):
		r.banner--
	case r.open:
		r.text.Add(line, cut)
	default:
		r.damaged++
	}
}

func (r *Reader) begin(h *head, cut bool) {
	if h.stamped {
		r.last, r.dated = h.stamp, true
	}
	if r.banner = 0; !r.dated {
		r.undated++
		return
	}
	if h.iso {
		r.nature.SkipsUnparsed = true // only MySQL writes such stamps
	}
	if r.last.Second {
		r.nature.Resolution = time.Second
	}
	r.open = true
	r.text.Reset()
	r.now = compare.Statement{Connection: h.connection, Start: r.last.At, Ref: r.lines.Number()}
	r.command = commandOf(h.command)
	r.text.Add(h.argument, cut)
}

// finish yields the entry that is complete.
func (r *Reader) finish() {
	if r.open {
		r.open = false
		r.writer.write(r.now, r.command, bytes.TrimRight(r.text.Bytes, "\r\n"), r.text.Cut, !r.nature.SkipsUnparsed)
	}
}

// Nature implements [compare.Account].
func (r *Reader) Nature() compare.Nature { return r.nature }

// Losses implements [compare.Account].
func (r *Reader) Losses() (all []compare.Loss) {
	if source, ok := r.from.(interface{ Losses() []compare.Loss }); ok {
		all = slices.Clone(source.Losses())
	}
	if r.undated > 0 {
		all = append(all, compare.Loss{To: r.last.At, Count: r.undated, Why: WhyUndated})
	}
	return all
}

// Damaged is how many lines belong to no entry.
func (r *Reader) Damaged() uint64 { return r.damaged }

// Close implements [compare.Account].
func (r *Reader) Close() error {
	if c, ok := r.from.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
