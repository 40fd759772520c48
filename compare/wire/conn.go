// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"net/netip"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// Why statements are lost.
const (
	WhyGap        = "packets are not in the capture"
	WhyCut        = "packets were cut off by the capture (snapshot length)"
	WhyFragment   = "packets are in fragments, which are not put together"
	WhyLink       = "packets are framed in a way that is not read"
	WhyTLS        = "the connection is encrypted"
	WhyCompressed = "the connection is compressed"
	WhyOld        = "the connection speaks a protocol that is not read"
	WhyStream     = "the connection is one of replication"
	WhyNumber     = "of a connection from before the capture, whose number is not known"
	WhyUnclear    = "what was captured of the connection does not fit together"
	WhyMany       = "more connections or longer packets than are kept at a time"
)

// phase is how far a connection has come.
type phase uint8

const (
	phaseGreeting phase = iota // the server speaks first
	phaseLogin                 // the client proves who it is
	phaseCommands
	phaseOpaque // nothing more is read
)

const (
	maxQueue    = 4096 // requests of a client that does not wait for answers
	maxPrepared = 16 << 10
	keepOfReply = 1 << 10
)

// conn is a connection: its two directions, and what is known of it.
type conn struct {
	form

	client, server netip.AddrPort
	number         uint64 // the server's
	maria          bool
	user, database string
	knowsUser      bool
	knowsDatabase  bool

	toServer, toClient flow
	requests, replies  framer

	phase      phase
	inStep     bool // both directions are read
	seq        uint8
	queue      []*command
	trailing   bool // what ends definitions may still come
	freed      int64
	prepared   map[uint32]statementText
	latest     uint32 // the statement prepared last
	textBytes  int    // of what was prepared
	queueBytes int    // of what is in the queue
	texts      *logfile.Texts
	yield      func(compare.Statement)
	lose       func(compare.Loss)

	began, lastAt int64
	stray         int64 // since when it is not in step, 0: nothing was lost then
	why           string
	closed        [2]bool // which side will send no more
	size          int     // bytes that it is counted with
	nameless      nameless
}

// statementText is what was prepared.
type statementText struct {
	text string
	cut  bool
}

// nameless counts statements of a connection whose number is not known.
type nameless struct {
	count    uint64
	from, to int64
}

// segment takes a packet of TCP.
func (c *conn) segment(s *segment) {
	out, back := &c.toServer, &c.toClient
	if s.from == c.server {
		out, back = back, out
	}
	if c.began == 0 {
		c.began = s.at
	}
	if s.acks {
		back.acknowledge(s.ack)
	}
	switch {
	case s.syn:
		out.begin(s.seq + 1)
	case len(s.payload)+s.missing > 0 && c.phase != phaseOpaque:
		c.data(out, piece{seq: s.seq, data: s.payload, missing: s.missing, at: s.at, number: s.number, ack: s.ack})
	}
	if len(s.payload)+s.missing > 0 {
		c.lastAt = s.at
	}
	if out.broken() {
		c.gap(out, WhyGap, s.at)
	} else if back.broken() {
		c.gap(back, WhyGap, s.at)
	}
	if s.fin || s.rst {
		c.closed[boolToInt(s.from == c.server)] = true
		c.closed[boolToInt(s.from != c.server)] = c.closed[boolToInt(s.from != c.server)] || s.rst
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *conn) over() bool { return c.closed[0] && c.closed[1] }

// data takes a piece of one direction.
func (c *conn) data(f *flow, p piece) {
	if !c.inStep {
		if f != &c.toServer || !c.comeBack(&p) {
			return
		}
	}
	if !f.known {
		f.begin(p.seq)
	}
	if f.add(p) {
		return
	}
	p, ok := f.take(p)
	for ok && c.inStep && c.phase != phaseOpaque {
		c.read(f, &p)
		if p.missing > 0 && c.inStep {
			c.lost(WhyCut, p.at)
			return
		}
		p, ok = f.ready()
	}
}

// read takes what comes next in one direction.
func (c *conn) read(f *flow, p *piece) {
	if f == &c.toServer {
		c.requests.feed(p, func(q *packet) bool { c.request(q); return c.readable() })
		return
	}
	c.replies.feed(p, func(q *packet) bool { c.reply(q); return c.readable() })
}

func (c *conn) readable() bool { return c.inStep && c.phase != phaseOpaque }

// end tells what is known once nothing more comes.
func (c *conn) end(why string) {
	for _, q := range c.queue {
		c.unanswered(q)
	}
	c.queue = nil
	if why != "" {
		c.stray, c.why = c.lastAt, why
		c.lastAt = math.MaxInt64
	}
	c.found(c.lastAt)
	if n := &c.nameless; n.count > 0 {
		c.lose(compare.Loss{From: n.from, To: n.to, Count: n.count, Why: WhyNumber})
	}
}
