// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"bytes"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// line takes the next line of the log.
func (r *Reader) line(line []byte, cut bool) {
	switch r.state {
	case outside:
		r.outsideLine(line)
	case inHead:
		r.inHeadLine(line)
	case inText:
		r.inTextLine(line, cut)
	case maybeHead:
		r.maybeHeadLine(line, cut)
	case maybeBanner:
		r.maybeBannerLine(line, cut)
	}
}

// open begins an entry with a line that may be the first of one.
func (r *Reader) open(e *entry, line []byte) bool {
	*e = entry{}
	e.Ref = r.lines.Number()
	return begins(line) && r.headLine(e, line)
}

func (r *Reader) outsideLine(line []byte) {
	switch {
	case r.open(&r.now, line):
		r.state = inHead
	case r.version.banner(line):
		r.reopened()
	case !logfile.IsPort(line) && !logfile.IsColumns(line):
		r.damage(1)
	}
}

// reopened: the server has opened the file, maybe after a restart, when numbers of connections
// begin anew.
func (r *Reader) reopened() {
	r.databases.forgetAll()
	r.parsesAll = r.version.logsUnparsed()
	r.nature.SkipsUnparsed = !r.parsesAll
}

func (r *Reader) inHeadLine(line []byte) {
	e := &r.now
	if name, ok := useLine(line); ok && e.measured && !e.use {
		e.use = true
		if !e.schema {
			e.Database = r.texts.Name(name)
			e.Has |= compare.FieldsOf(compare.FieldDatabase)
		}
		return
	}
	switch {
	case e.measured && e.setLine(line):
		r.state = inText
		r.text.Reset()
	case r.headLine(e, line):
	case e.warnings:
		// A message that holds a line feed.
	case r.version.banner(line):
		r.damage(1)
		r.reopened()
		r.state = outside
	default:
		r.damage(1)
		if r.state = outside; r.open(e, line) {
			r.state = inHead
		}
	}
}

func (r *Reader) inTextLine(line []byte, cut bool) {
	if begins(line) && r.open(&r.next, line) {
		r.mark = len(r.text.Bytes)
		if r.state = maybeHead; r.next.measured { // log_short_format
			r.commit()
			return
		}
	} else if logfile.IsBanner(line) {
		r.mark, r.state = len(r.text.Bytes), maybeBanner
	}
	r.text.Add(line, cut)
}

// maybeHeadLine takes a line of what is a head if it goes on as one.
func (r *Reader) maybeHeadLine(line []byte, cut bool) {
	headed := len(line) > 2 && line[0] == '#' && line[1] == ' ' && r.headLine(&r.next, line)
	switch {
	case headed && r.next.measured:
		r.commit()
		return
	case !headed && r.next.measured: // but its times cannot be read
		r.finish(r.text.Bytes[:r.mark])
		r.damage(1)
		r.state = outside
		return
	case headed && len(r.text.Bytes)-r.mark < maxHead:
		r.text.Add(line, cut)
		return
	}
	r.state = inText // it was text that looked like one
	r.inTextLine(line, cut)
}

// maxHead is how long a head may be before its times, in bytes.
const maxHead = 4 << 10

// commit ends the entry whose text ends where the next one's head begins.
func (r *Reader) commit() {
	r.finish(r.text.Bytes[:r.mark])
	r.now, r.state = r.next, inHead
}

func (r *Reader) maybeBannerLine(line []byte, cut bool) {
	if !logfile.IsPort(line) {
		r.state = inText
		r.inTextLine(line, cut)
		return
	}
	text, banner := r.text.Bytes[:r.mark], r.text.Bytes[r.mark:]
	if !bytes.HasSuffix(bytes.TrimRight(text, "\r\n"), []byte{';'}) {
		text = r.text.Bytes[:r.mark+max(0, bytes.Index(banner, []byte(logfile.VersionMark)))] // they share a line
	}
	r.finish(text)
	r.version.banner(bytes.TrimRight(banner, "\n"))
	r.reopened()
	r.state = outside
}
