// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"bytes"
	"io"
)

// MaxLine is how much of a line is kept, in bytes.
const MaxLine = 1 << 20

const firstBuffer = 64 << 10

// Lines cuts a stream into lines. Its memory is bounded by a small multiple of
// [MaxLine], whatever the stream holds. It is used by one goroutine.
type Lines struct {
	r        io.Reader
	buf      []byte
	from, to int // what of buf was not returned yet
	skipping bool
	err      error
	number   uint64
}

// NewLines reads from r.
func NewLines(r io.Reader) *Lines {
	return &Lines{r: r, buf: make([]byte, firstBuffer)}
}

// Number is that of the line returned last, from 1.
func (l *Lines) Number() uint64 { return l.number }

// Next returns the next line without its line feed, valid until the next call,
// and whether it is longer than [MaxLine] and was cut. A last line that does not end
// is returned too. Then it returns the stream's error, io.EOF at the end.
func (l *Lines) Next() (line []byte, cut bool, err error) {
	searched := 0
	for {
		if i := bytes.IndexByte(l.buf[l.from+searched:l.to], '\n'); i >= 0 {
			line = l.buf[l.from : l.from+searched+i]
			l.from += len(line) + 1
			if l.skipping {
				l.skipping, searched = false, 0
				continue
			}
			l.number++
			return line, false, nil
		}
		if l.skipping {
			l.from = l.to
		}
		searched = l.to - l.from
		if searched >= MaxLine {
			line = l.buf[l.from : l.from+MaxLine]
			l.from, l.skipping = l.to, true
			l.number++
			return line, true, nil
		}
		if l.err != nil {
			return l.last()
		}
		l.fill()
	}
}

// last returns what follows the last line feed.
func (l *Lines) last() (line []byte, cut bool, err error) {
	if line, l.from = l.buf[l.from:l.to], l.to; len(line) == 0 {
		return nil, false, l.err
	}
	l.number++
	return line, false, nil
}

// fill reads more behind what was not returned yet.
func (l *Lines) fill() {
	if l.from > 0 {
		l.to = copy(l.buf, l.buf[l.from:l.to])
		l.from = 0
	}
	if l.to == len(l.buf) {
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	n := 0
	for tries := 0; n == 0 && l.err == nil; tries++ {
		if n, l.err = l.r.Read(l.buf[l.to:]); tries == 100 && n == 0 && l.err == nil {
			l.err = io.ErrNoProgress
		}
	}
	l.to += n
}
