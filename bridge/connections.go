// SPDX-License-Identifier: Apache-2.0

package bridge

import "github.com/spanbridge/spanbridge/bridge/sqltext"

// maxConnections bounds of how many connections something is remembered.
const maxConnections = 16384

// connectionKey names a connection. A process that ended and another one with
// its number are different instances.
type connectionKey struct {
	instance *Instance
	id       uint64
}

// connection is what is remembered of a connection between its statements.
type connection struct {
	session    sqltext.Carrier // the context in the variable @traceparent
	hasSession bool
	prepare    prepare // the latest one
	apart      apart   // the latest one
}

// prepare is the preparation of a statement.
type prepare struct {
	seen     bool
	tid, seq uint32
	context  sqltext.Carrier // zero: it had none
}

// connections remembers something of as many connections as fit. It is a
// clock: who was not asked for since its hand came by makes room. Its zero
// value is ready.
type connections struct {
	slots     map[connectionKey]int
	ring      []connectionSlot
	hand      int
	forgotten uint64 // connections that had to make room
}

type connectionSlot struct {
	key   connectionKey
	state connection
	used  bool
}

// of returns what is remembered of a connection, or nil. It is valid until the
// next call of at or drop.
func (c *connections) of(key connectionKey) *connection {
	i, ok := c.slots[key]
	if !ok {
		return nil
	}
	c.ring[i].used = true
	return &c.ring[i].state
}

// at returns the place to remember something of a connection, as of does.
func (c *connections) at(key connectionKey) *connection {
	if state := c.of(key); state != nil {
		return state
	}
	if c.slots == nil {
		c.slots = make(map[connectionKey]int)
	}
	i := len(c.ring)
	if i < maxConnections {
		c.ring = append(c.ring, connectionSlot{})
	} else {
		i = c.evict()
	}
	c.ring[i] = connectionSlot{key: key, used: true}
	c.slots[key] = i
	return &c.ring[i].state
}

// evict makes room and returns where.
func (c *connections) evict() int {
	for {
		i := c.hand
		c.hand = (c.hand + 1) % len(c.ring)
		if s := &c.ring[i]; s.used {
			s.used = false
			continue
		}
		delete(c.slots, c.ring[i].key)
		c.forgotten++
		return i
	}
}

// reset forgets everything of a connection; its room stays with it.
func (c *connections) reset(key connectionKey) {
	if state := c.of(key); state != nil {
		*state = connection{}
	}
}

// bare returns a carrier that does not refer to the text in which it was found.
func bare(c *sqltext.Carrier) sqltext.Carrier {
	return sqltext.Carrier{TraceID: c.TraceID, ParentID: c.ParentID, Flags: c.Flags}
}

// same reports whether two carriers name the same span.
func same(a, b *sqltext.Carrier) bool { return a.TraceID == b.TraceID && a.ParentID == b.ParentID }
