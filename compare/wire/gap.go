// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/spanbridge/spanbridge/compare"

// What is missing in a capture, and where reading goes on behind it.

// gap goes on where something is missing. If what is missing is of the server, and a client has asked
// since, the answer to its last request is where to go on.
func (c *conn) gap(f *flow, why string, at int64) {
	if !c.inStep {
		f.pending, f.bytes = nil, 0
		return
	}
	if n := len(c.queue); f == &c.toClient && n > 0 && after(c.queue[n-1].reply, f.next) > 0 {
		for _, q := range c.queue[:n-1] {
			c.unanswered(q)
		}
		if n > 1 { // there may have been more statements in their packets
			c.lose(compare.Loss{Connection: c.number, From: c.queue[0].start, To: c.queue[n-1].start, Why: why})
		}
		c.queue, c.queueBytes = c.queue[n-1:], len(c.queue[n-1].text)
		c.replies.reset()
		c.trailing = false
		f.begin(c.queue[0].reply)
		for p, ok := f.ready(); ok && c.readable(); p, ok = f.ready() {
			c.read(f, &p)
		}
		return
	}
	waiting := c.toServer.pending
	c.lost(why, at)
	for _, p := range waiting {
		c.data(&c.toServer, p)
	}
}

// unclear says why what was read is not what it should be.
func (c *conn) unclear() string {
	for _, f := range []*flow{&c.toServer, &c.toClient} {
		if after(f.acked, f.next) > 0 {
			return WhyGap
		}
	}
	return WhyUnclear
}

// lost gives up what is being read, until a client asks again.
func (c *conn) lost(why string, at int64) {
	if c.agreed && c.caps&(clientCompress|clientZstd) != 0 {
		c.opaque(WhyCompressed, at)
		return
	}
	c.stray, c.why = c.lastAt, why
	for _, q := range c.queue {
		c.stray = min(c.stray, q.start)
		c.unanswered(q)
	}
	if c.phase != phaseOpaque {
		c.phase = phaseCommands
	}
	c.queue, c.queueBytes, c.inStep, c.trailing = nil, 0, false, false
	c.knowsDatabase = false // it may be changed meanwhile
	if c.stray == 0 {
		c.stray = at
	}
	c.requests.reset()
	c.replies.reset()
	for _, f := range []*flow{&c.toServer, &c.toClient} {
		f.pending, f.bytes = nil, 0
	}
}

// comeBack takes up reading where a client asks for something.
func (c *conn) comeBack(p *piece) bool {
	if !beginsCommand(p.data) {
		if c.stray == 0 {
			c.stray, c.why = p.at, WhyUnclear
		}
		return false
	}
	c.found(p.at)
	c.inStep = true
	c.toServer.begin(p.seq)
	c.toClient.begin(p.ack)
	c.toClient.acked = p.ack
	return true
}

// found tells of the time in which it was not known what was said.
func (c *conn) found(at int64) {
	if c.stray != 0 {
		c.lose(compare.Loss{Connection: c.number, From: c.stray, To: at, Why: c.why})
		c.stray = 0
	}
}

// beginsCommand reports whether a packet of TCP begins with a request: one that it ends with as well, that
// another one follows, or that is so long that it needs several.
func beginsCommand(data []byte) bool {
	const ofSeveral = 500 // bytes that a packet of TCP has at least if others follow
	if len(data) <= headerSize || data[3] != 0 || !isCommand(data[headerSize]) {
		return false
	}
	size := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
	end := headerSize + size
	switch {
	case size == 0:
		return false
	case end == len(data):
		return true
	case end > len(data):
		code := data[headerSize]
		return len(data) >= ofSeveral && (code == comQuery || code == comPrepare || code == comExecute || code == comLongData)
	}
	return beginsCommand(data[end:])
}

// opaque stops reading a connection for good.
func (c *conn) opaque(why string, at int64) {
	for _, q := range c.queue {
		c.unanswered(q)
	}
	c.queue, c.queueBytes, c.phase, c.inStep = nil, 0, phaseOpaque, false
	c.stray, c.why = at, why
	c.requests.reset()
	c.replies.reset()
}
