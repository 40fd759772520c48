// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"container/list"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

const (
	defaultPort    = 3306
	maxConnections = 16 << 10
	maxMemory      = 64 << 20 // of what connections keep
	maxLosses      = 1000
)

// Options are what a capture does not tell.
type Options struct {
	// Port is the server's, 0: 3306.
	Port uint16
	// Server is its address; what others say is left out. The zero value is any: then the numbers of
	// several servers' connections are mixed up.
	Server netip.Addr
	// Connection finds the number of a connection that began before the capture, by its client's address; 0: it is
	// not known. It may be nil; see [Connections].
	Connection func(client netip.AddrPort) uint64
}

// Reader is the account of a capture. It reads as it is asked. It is used by one goroutine.
type Reader struct {
	from    io.Reader
	o       Options
	capture *capture
	dissect *dissector
	texts   logfile.Texts
	conns   map[endpoints]*list.Element
	used    list.List // of connections, that used last in front
	memory  int

	ready  []compare.Statement
	losses []compare.Loss
	first  int64 // packet of all
	last   int64
	done   bool
}

type endpoints struct{ client, server netip.AddrPort }

// New reads a capture from r, which Close closes if it can be closed: a file, a pipe, or a
// [logfile.Tail].
func New(r io.Reader, o Options) *Reader {
	if o.Port == 0 {
		o.Port = defaultPort
	}
	return &Reader{from: r, o: o, dissect: newDissector(), conns: make(map[endpoints]*list.Element)}
}

// Next implements [compare.Account].
func (r *Reader) Next(s *compare.Statement) error {
	for len(r.ready) == 0 {
		if r.done {
			return io.EOF
		}
		if err := r.packet(); err != nil {
			return err
		}
	}
	*s = r.ready[0]
	if r.ready = r.ready[1:]; len(r.ready) == 0 {
		r.ready = nil
	}
	return nil
}

// packet reads one of the capture.
func (r *Reader) packet() (err error) {
	if r.capture == nil {
		if r.capture, err = openCapture(r.from); err != nil {
			return err
		}
	}
	data, info, link, err := r.capture.next()
	if err != nil {
		end, cut := ended(err)
		if !end {
			return fmt.Errorf("packet %d of the capture: %w", r.capture.number+1, err)
		}
		r.finish(cut)
		return nil
	}
	if r.last = info.Timestamp.UnixNano(); r.first == 0 {
		r.first = r.last
	}
	var s segment
	ok, why := r.dissect.segment(&s, data, info, link)
	if ok {
		s.number = r.capture.number
		r.segment(&s)
	} else if why != "" {
		r.unread(why)
	}
	return nil
}

// unread notes a packet that may be of any connection.
func (r *Reader) unread(why string) {
	if i := slices.IndexFunc(r.losses, func(l compare.Loss) bool { return l.Why == why && l.Connection == 0 }); i >= 0 {
		r.losses[i].To = r.last
		return
	}
	r.lose(compare.Loss{From: r.first, To: r.last, Why: why}) // statements may have begun before it
}

// segment finds the connection that a packet is of.
func (r *Reader) segment(s *segment) {
	key := endpoints{s.from, s.to}
	if s.to.Port() != r.o.Port {
		if key = (endpoints{s.to, s.from}); s.from.Port() != r.o.Port {
			return
		}
	}
	if r.o.Server.IsValid() && key.server.Addr() != r.o.Server.Unmap() {
		return
	}
	e := r.conns[key]
	if e != nil && s.syn && !s.acks && e.Value.(*conn).toServer.next != s.seq+1 {
		r.drop(e, "") // another one from the same port
		e = nil
	}
	if e == nil {
		if !s.syn && len(s.payload) == 0 {
			return
		}
		e = r.connection(key, s.syn)
	}
	r.used.MoveToFront(e)
	c := e.Value.(*conn)
	c.segment(s)
	size := c.bytes()
	r.memory += size - c.size
	if c.size = size; c.over() {
		r.drop(e, "")
	}
	for r.memory > maxMemory || len(r.conns) > maxConnections {
		r.drop(r.used.Back(), WhyMany)
	}
}

// connection begins one.
func (r *Reader) connection(key endpoints, fromStart bool) *list.Element {
	c := &conn{
		client: key.client, server: key.server, texts: &r.texts, lose: r.lose,
		yield:    func(s compare.Statement) { r.ready = append(r.ready, s) },
		requests: framer{keep: logfile.MaxText + 64<<10}, replies: framer{keep: keepOfReply},
		inStep: fromStart,
	}
	if !fromStart {
		if c.phase = phaseCommands; r.o.Connection != nil {
			c.number = r.o.Connection(key.client)
		}
	}
	e := r.used.PushFront(c)
	r.conns[key] = e
	return e
}

func (r *Reader) drop(e *list.Element, why string) {
	c := r.used.Remove(e).(*conn)
	r.memory -= c.size
	delete(r.conns, endpoints{c.client, c.server})
	c.end(why)
}

// bytes is about how much a connection keeps.
func (c *conn) bytes() int {
	n := c.toServer.bytes + c.toClient.bytes + cap(c.requests.buf) + cap(c.replies.buf) + 256*(len(c.prepared)+len(c.queue))
	return n + c.textBytes + c.queueBytes
}

// lose keeps losses; where there are too many, the last one stands for all that follow.
func (r *Reader) lose(l compare.Loss) {
	if n := len(r.losses); n < maxLosses {
		r.losses = append(r.losses, l)
	} else if last := &r.losses[n-1]; true {
		*last = compare.Loss{From: min(last.From, l.From), To: max(last.To, l.To), Why: last.Why}
	}
}

// finish ends all connections.
func (r *Reader) finish(cut bool) {
	r.done = true
	for r.used.Len() > 0 {
		r.drop(r.used.Back(), "")
	}
	if cut {
		r.lose(compare.Loss{From: r.last, To: math.MaxInt64, Why: "the capture ends in the middle of a packet"})
	}
	if n := r.capture.dropped; n > 0 {
		r.lose(compare.Loss{From: r.first, To: r.last, Why: fmt.Sprintf("%d packets were not captured, by the capture's own count", n)})
	}
}

// Nature implements [compare.Account].
func (r *Reader) Nature() compare.Nature {
	return compare.Nature{
		Name: "wire", Resolution: time.Microsecond,
		Fields: compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldError, compare.FieldSQLState,
			compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldDatabase, compare.FieldUser),
	}
}

// Losses implements [compare.Account].
func (r *Reader) Losses() []compare.Loss { return append([]compare.Loss(nil), r.losses...) }

// Close implements [compare.Account].
func (r *Reader) Close() error {
	if c, ok := r.from.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
