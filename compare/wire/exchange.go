// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// request takes a packet of the client.
func (c *conn) request(p *packet) {
	switch {
	case c.phase == phaseLogin:
		c.loggingIn(p)
	case c.phase == phaseGreeting:
		c.lost(c.unclear(), p.at)
	case len(c.queue) > 0 && c.queue[0].answer.stage == stageInfile:
		c.seq = p.last // the file, and an empty packet at its end
	case len(c.queue) > 0 && c.queue[0].code == comChangeUser && p.first != 0:
		c.seq = p.last
	case p.size == 0 || p.first != 0 || len(p.head) == 0 || !isCommand(p.head[0]) || len(c.queue) >= maxQueue:
		c.lost(c.unclear(), p.at)
	default:
		c.command(c.readCommand(p))
	}
}

func (c *conn) command(q *command) {
	switch {
	case q.stream():
		c.opaque(WhyStream, q.start)
	case q.silent():
		if q.code == comClose {
			c.textBytes -= len(c.prepared[q.stmt].text)
			delete(c.prepared, q.stmt)
		}
		if q.code != comLongData {
			c.tell(q, compare.Statement{Start: q.start})
		}
	default:
		c.queue = append(c.queue, q)
		c.queueBytes += len(q.text)
	}
}

// loggingIn takes the client's answer to the greeting; what it sends after that is secret.
func (c *conn) loggingIn(p *packet) {
	if c.agreed {
		if p.first == 0 && len(p.head) > 0 && isCommand(p.head[0]) { // the end of the login was not captured
			if c.loggedInto(p.at); c.phase == phaseCommands {
				c.request(p)
			}
		}
		return
	}
	l, ok := readLogin(p.head, c.maria)
	switch {
	case !ok:
		c.opaque(WhyOld, p.at)
	case l.tls:
		c.opaque(WhyTLS, p.at)
	default:
		c.caps, c.agreed = l.caps, true
		c.user, c.knowsUser = c.texts.Name(l.user), true
		c.database, c.knowsDatabase = c.texts.Name(l.database), true
	}
}

// reply takes a packet of the server.
func (c *conn) reply(p *packet) {
	switch {
	case len(p.head) == 0:
		c.lost(c.unclear(), p.at)
	case c.phase == phaseGreeting:
		c.greeted(p)
	case c.phase == phaseLogin:
		c.loggedIn(p)
	case c.trailing && isEOF(p) && p.first == c.seq+1:
		c.trailing, c.seq = false, p.last
		c.recognise(false)
	case len(c.queue) == 0:
		if why := c.unclear(); p.head[0] != headError || why == WhyGap { // a server that hangs up says so
			c.lost(why, p.at)
		}
	default:
		c.answered(c.queue[0], p)
	}
}

func (c *conn) greeted(p *packet) {
	g, ok := readGreeting(p.head)
	switch {
	case ok:
		c.number, c.maria, c.phase = g.connection, g.maria, phaseLogin
	case p.head[0] == headError: // too many connections
		c.phase = phaseLogin
	default:
		c.opaque(WhyOld, p.at)
	}
}

// loggedIn takes what ends the login, one way or the other.
func (c *conn) loggedIn(p *packet) {
	if p.head[0] == headOK && c.agreed {
		c.loggedInto(p.at)
	}
}

func (c *conn) loggedInto(at int64) {
	if c.phase = phaseCommands; c.caps&(clientCompress|clientZstd) != 0 {
		c.opaque(WhyCompressed, at)
	}
}

// answered takes a packet of the answer to a command.
func (c *conn) answered(q *command, p *packet) {
	expected := c.seq + 1
	if !q.begun {
		expected, q.begun = q.seq+1, true
		q.start = max(q.start, c.freed)
		c.trailing = false
	}
	complete, ok := c.step(q, p)
	if !ok || p.first != expected {
		c.lost(c.unclear(), p.at)
		return
	}
	if c.seq = p.last; complete {
		c.result(q, p.at)
	}
}

// result takes the end of one of a command's results.
func (c *conn) result(q *command, at int64) {
	o := q.answer.outcome
	if q.code == comPrepare && o.err == 0 {
		c.prepare(q)
	}
	more := o.status&statusMoreResults != 0
	if more && !q.endsPart(&o, c.splits()) {
		q.answer = answer{outcome: outcome{sent: o.sent}}
		return
	}
	c.ended(q, &o, at)
	if c.freed = at; more {
		q.part++
		q.start, q.answer = at, answer{}
		return
	}
	c.queue = c.queue[1:]
	c.queueBytes -= len(q.text)
	c.trailing = q.code == comPrepare && !c.agreed && !c.recognised
}

// splits reports whether several statements may come in a packet.
func (c *conn) splits() bool { return !c.agreed || c.caps&clientMultiStatements != 0 }

// endsPart reports whether a result behind which there are more is the last one of its statement. A CALL has one for
// each of the results inside and one of its own, without rows.
func (q *command) endsPart(o *outcome, splits bool) bool {
	q.split(splits)
	if q.part+1 >= len(q.parts) {
		return false
	}
	return o.plain || !hasVerb(q.statement(), "CALL ") && !hasVerb(q.statement(), "BEGIN NOT ")
}

// statement is the text of the one that is answered.
func (q *command) statement() string {
	if len(q.parts) == 0 {
		return q.text
	}
	return q.parts[min(q.part, len(q.parts)-1)]
}

// split finds the statements in a packet.
func (q *command) split(splits bool) {
	if q.parts != nil || q.code != comQuery || !q.hasText {
		return
	}
	if q.parts = []string{q.text}; splits && strings.Contains(q.text, ";") {
		q.parts = q.parts[:0]
		for part := range logfile.Parts(q.text) {
			q.parts = append(q.parts, part)
		}
	}
}

func hasVerb(text, verb string) bool {
	return len(text) >= len(verb) && strings.EqualFold(text[:len(verb)], verb)
}

// prepare remembers what a number stands for.
func (c *conn) prepare(q *command) {
	if c.prepared == nil || len(c.prepared) >= maxPrepared {
		c.prepared, c.textBytes = make(map[uint32]statementText), 0
	}
	c.latest = q.stmt
	c.textBytes += len(q.text) - len(c.prepared[q.stmt].text)
	c.prepared[q.stmt] = statementText{q.text, q.cut}
}

// ended tells of a statement that was answered.
func (c *conn) ended(q *command, o *outcome, at int64) {
	s := compare.Statement{
		Has:   compare.FieldsOf(compare.FieldDuration, compare.FieldError, compare.FieldRowsSent),
		Start: q.start, Duration: time.Duration(max(0, at-q.start)),
		Error: o.err, Sent: o.sent, Affected: o.affected,
	}
	if o.err != 0 && o.state != nil {
		s.SQLState = c.texts.Name(o.state)
		s.Has |= compare.FieldsOf(compare.FieldSQLState)
	}
	if o.counts && o.err == 0 {
		s.Has |= compare.FieldsOf(compare.FieldRowsAffected)
	}
	if q.split(c.splits()); hasVerb(q.statement(), "CALL ") { // they are of the statements inside
		s.Has &^= compare.FieldsOf(compare.FieldRowsSent, compare.FieldRowsAffected)
	}
	if o.err == 0 {
		c.moved(q, o)
	}
	c.tell(q, s)
}

// unanswered tells of a statement whose outcome is not known, and neither what it did to the current database.
func (c *conn) unanswered(q *command) {
	q.split(c.splits())
	known := c.knowsDatabase
	c.knowsDatabase = false
	if q.kind().Counts() {
		c.tell(q, compare.Statement{Start: q.start})
	}
	c.knowsDatabase = known && !q.mayMove()
}

// tell yields a statement, once it is known whose it is.
func (c *conn) tell(q *command, s compare.Statement) {
	s.Kind, s.Connection, s.Ref = q.kind(), c.number, q.number
	if c.number == 0 {
		if s.Kind.Counts() {
			c.nameless.add(s.Start)
		}
		return
	}
	c.setTextOf(&s, q)
	if c.knowsUser {
		s.User = c.user
		s.Has |= compare.FieldsOf(compare.FieldUser)
	}
	if c.knowsDatabase {
		s.Database = c.database
		s.Has |= compare.FieldsOf(compare.FieldDatabase)
	}
	c.yield(s)
}

func (c *conn) setTextOf(s *compare.Statement, q *command) {
	text, known := statementText{q.statement(), q.cut && q.part+1 >= len(q.parts)}, q.hasText
	if s.Kind == compare.Execute {
		id := q.stmt
		if id == 1<<32-1 { // MariaDB: what was prepared last
			id = c.latest
		}
		text, known = c.prepared[id]
	}
	if known && s.Kind.Counts() {
		s.Text, s.Cut = text.text, text.cut
		s.Has |= compare.FieldsOf(compare.FieldText)
	}
}

func (n *nameless) add(at int64) {
	if n.count == 0 {
		n.from = at
	}
	n.count++
	n.to = max(n.to, at)
}
