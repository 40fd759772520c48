// SPDX-License-Identifier: Apache-2.0

package errorlog

import (
	"bytes"
	"io"
	"time"

	"github.com/spanbridge/spanbridge/compare/logfile"
)

// Reader yields the messages of an error log. It reads as it is asked, and keeps
// no more than one.
type Reader struct {
	lines   *logfile.Lines
	texts   logfile.Texts
	zone    *time.Location
	pids    bool // numbers are those of processes
	objects bool // each line is one
	open    bool
	now     Message
	damaged uint64
}

// New reads a log from r: a file, or a [logfile.Tail]. The zone is the server's, in which
// MariaDB writes stamps.
func New(r io.Reader, zone *time.Location) *Reader {
	return &Reader{lines: logfile.NewLines(r), zone: zone}
}

// Next fills in the next message. It returns io.EOF at the end.
func (r *Reader) Next(m *Message) error {
	for {
		line, _, err := r.lines.Next()
		if err != nil {
			if r.open {
				*m, r.open = r.now, false
				return nil
			}
			return err
		}
		next := Message{Ref: r.lines.Number()}
		if !r.line(&next, bytes.TrimRight(line, "\r")) {
			r.more()
			continue
		}
		before, had := r.now, r.open
		if r.now, r.open = next, true; had {
			*m = before
			return nil
		}
	}
}

// Damaged is how many lines belong to no message.
func (r *Reader) Damaged() uint64 { return r.damaged }

func (r *Reader) line(m *Message, line []byte) bool {
	if len(line) > 0 && line[0] == '{' {
		ok := r.json(m, line)
		r.objects = r.objects || ok
		return ok
	}
	return r.classic(m, line)
}

// more counts a line without a stamp. Of messages that are objects none goes on.
func (r *Reader) more() {
	if r.open && !r.objects {
		r.now.Lines++
	} else {
		r.damaged++
	}
}
