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

// MaxText is how much of a statement is read, in bytes; of a longer one the
// beginning.
const MaxText = logfile.MaxLine

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
	text    []byte
	whole   bool
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
	case isBanner(line):
		r.finish()
		r.banner = 2
		r.writer.executing = nil
		r.nature.SkipsUnparsed = !bytes.Contains(line, []byte("MariaDB"))
	case r.banner > 0 && afterBanner(line):
		r.banner--
	case r.open:
		r.keep(line, cut)
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
	r.open, r.whole, r.text = true, true, r.text[:0]
	r.now = compare.Statement{Connection: h.connection, Start: r.last.At, Ref: r.lines.Number()}
	r.command = commandOf(h.command)
	r.keep(h.argument, cut)
}

// keep adds a line to the text, of which no more than MaxText is kept.
func (r *Reader) keep(line []byte, cut bool) {
	if len(r.text)+len(line) >= MaxText {
		line, cut = line[:max(0, min(len(line), MaxText-len(r.text)-1))], true
	}
	r.text = append(append(r.text, line...), '\n')
	r.whole = r.whole && !cut
}

// finish yields the entry that is complete.
func (r *Reader) finish() {
	if r.open {
		r.open = false
		r.writer.write(r.now, r.command, bytes.TrimRight(r.text, "\r\n"), r.whole, !r.nature.SkipsUnparsed)
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
