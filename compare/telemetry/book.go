// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

const maxSessions = 64 << 10

// session is the id of its span: of the trace, and of the span.
type session struct {
	trace [16]byte
	span  [8]byte
}

// owner is whose a session is.
type owner struct {
	connection uint64
	user       string
}

// book keeps statements until it is known whose they are, and then until they are read. Its
// memory is bounded.
type book struct {
	most, maxText int
	texts         logfile.Texts
	ready         []compare.Statement
	owners        map[session]owner
	waiting       map[session][]compare.Statement
	held          int // statements that wait

	orphans stretch // statements that have no session
	excess  stretch // statements for which there was no room
	longest time.Duration
	number  uint64
	mark    string // in the text of the last span of all, "" if none is waited for
}

// next takes the statement that is read next.
func (b *book) next(s *compare.Statement) bool {
	if len(b.ready) == 0 {
		b.ready = nil
		return false
	}
	*s = b.ready[0]
	b.ready = b.ready[1:]
	return true
}

// take takes a span of any kind.
func (b *book) take(span *tracepb.Span) {
	switch span.GetName() {
	case "session":
		b.ended(span)
	case "stmt":
		b.statement(span)
	}
}

// ended takes the span of a session, which tells whose it was.
func (b *book) ended(span *tracepb.Span) {
	a := attributesOf(span)
	id, ok := sessionOf(span.GetTraceId(), span.GetSpanId())
	connection, known := a.number("processlist_id")
	if !ok || !known {
		return
	}
	b.owns(id, owner{connection, b.texts.Name([]byte(a.text("user")))})
}

// owns gives a session, and what waited for it, to its owner.
func (b *book) owns(id session, o owner) {
	if b.owners == nil || len(b.owners) >= maxSessions {
		b.owners = make(map[session]owner)
	}
	b.owners[id] = o
	for _, s := range b.waiting[id] {
		b.yield(s, o)
	}
	b.held -= len(b.waiting[id])
	delete(b.waiting, id)
}

func (b *book) yield(s compare.Statement, o owner) {
	s.Connection, s.User = o.connection, o.user
	if o.user != "" {
		s.Has |= compare.FieldsOf(compare.FieldUser)
	}
	b.ready = append(b.ready, s)
}

func sessionOf(trace, span []byte) (id session, ok bool) {
	return id, copy(id.trace[:], trace) == len(id.trace) && copy(id.span[:], span) == len(id.span)
}

// statement takes the span of a statement.
func (b *book) statement(span *tracepb.Span) {
	if b.mark != "" && strings.Contains(attributesOf(span).text("sql_text"), b.mark) {
		b.mark = ""
	}
	s := statement(span, &b.texts, b.maxText)
	b.number++
	s.Ref = b.number
	b.longest = max(b.longest, s.Duration)
	if s.Kind == compare.Inner { // it has no link, and is not compared
		b.room(s, func() { b.ready = append(b.ready, s) })
		return
	}
	for _, link := range span.GetLinks() {
		id, ok := sessionOf(link.GetTraceId(), link.GetSpanId())
		if !ok {
			continue
		}
		b.room(s, func() { b.linked(id, s) })
		return
	}
	b.orphans.count(s)
}

func (b *book) linked(id session, s compare.Statement) {
	if o, ok := b.owners[id]; ok {
		b.yield(s, o)
		return
	}
	if b.waiting == nil {
		b.waiting = make(map[session][]compare.Statement)
	}
	b.waiting[id] = append(b.waiting[id], s)
	b.held++
}

// room keeps a statement if there is room for one more.
func (b *book) room(s compare.Statement, keep func()) {
	if len(b.ready)+b.held >= b.most {
		b.excess.count(s)
		return
	}
	keep()
}

// end counts as lost what waits in vain.
func (b *book) end(l *losses) {
	var open stretch
	for _, list := range b.waiting {
		for _, s := range list {
			open.count(s)
		}
	}
	b.waiting, b.held = nil, 0
	l.add(open.loss(WhyOpen))
	l.add(b.orphans.loss(WhyEarlier))
	l.add(b.excess.loss(WhyExcess))
}

// stretch is a number of statements, and the time in which they began.
type stretch struct {
	from, to int64
	n        uint64
}

func (t *stretch) count(s compare.Statement) {
	if !s.Kind.Counts() {
		return
	}
	if t.n == 0 {
		t.from, t.to = s.Start, s.Start
	}
	t.n++
	t.from, t.to = min(t.from, s.Start), max(t.to, s.Start)
}

func (t *stretch) loss(why string) compare.Loss {
	return compare.Loss{From: t.from, To: t.to, Count: t.n, Why: why}
}

// witnesses are the last statements of a session that waits, up to n, in the order of their starts.
func (b *book) witnesses(id session, n int) []compare.Statement {
	var all []compare.Statement
	list := b.waiting[id]
	for i := len(list) - 1; i >= 0 && len(all) < n; i-- {
		if list[i].Kind.Counts() {
			all = append(all, list[i])
		}
	}
	slices.Reverse(all)
	return all
}
