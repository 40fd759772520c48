// SPDX-License-Identifier: Apache-2.0

package wire

import "slices"

// maxPending is how much of one direction is kept that came too early, in bytes.
const maxPending = 1 << 20

// piece is a stretch of one direction of a connection.
type piece struct {
	seq     uint32
	data    []byte
	missing int // bytes behind it that were not captured
	at      int64
	number  uint64
	ack     uint32 // where its sender was in the other direction
}

func (p *piece) end() uint32 { return p.seq + uint32(len(p.data)+p.missing) }

// size is about what it takes to keep it, which is more than its data: of packets that were cut off there may be none.
func (p *piece) size() int { return 128 + len(p.data) }

// after is how far a is behind b in a stream, whose numbers wrap around.
func after(a, b uint32) int32 { return int32(a - b) }

// flow puts one direction of a connection in order. A library that reassembles TCP has to wait where something is
// missing; here the other direction tells at once: what its sender has acknowledged did arrive, and
// if it is not in the capture it will not come any more.
type flow struct {
	known   bool
	next    uint32 // what comes next
	acked   uint32 // the other side has all before
	pending []piece
	bytes   int
}

// begin says where a direction goes on.
func (f *flow) begin(next uint32) {
	f.known, f.next = true, next
	if after(f.acked, next) < 0 {
		f.acked = next
	}
	f.pending = slices.DeleteFunc(f.pending, func(p piece) bool { return after(p.end(), next) <= 0 })
	f.count()
}

func (f *flow) count() {
	f.bytes = 0
	for i := range f.pending {
		f.bytes += f.pending[i].size()
	}
}

// add takes a piece that was captured. The data is copied if it has to wait.
func (f *flow) add(p piece) (waits bool) {
	if after(p.seq, f.next) <= 0 {
		return false
	}
	p.data = slices.Clone(p.data)
	i, _ := slices.BinarySearchFunc(f.pending, p.seq, func(q piece, seq uint32) int { return int(after(q.seq, seq)) })
	f.pending = slices.Insert(f.pending, i, p)
	f.bytes += p.size()
	return true
}

// take returns what is new of a piece that does not have to wait.
func (f *flow) take(p piece) (piece, bool) {
	old := after(f.next, p.seq)
	if int(old) >= len(p.data)+p.missing {
		return p, false
	}
	p.seq = f.next
	p.data = p.data[min(int(old), len(p.data)):]
	f.next = p.end()
	return p, true
}

// ready returns a piece that has waited and may go on.
func (f *flow) ready() (piece, bool) {
	for len(f.pending) > 0 && after(f.pending[0].seq, f.next) <= 0 {
		p := f.pending[0]
		f.pending = f.pending[1:]
		f.bytes -= p.size()
		if p, ok := f.take(p); ok {
			return p, true
		}
	}
	return piece{}, false
}

// broken reports whether what comes next was not captured: there is more behind it, and the
// other side has it, or too much has to wait for it.
func (f *flow) broken() bool {
	return len(f.pending) > 0 && (after(f.acked, f.pending[0].seq) >= 0 && after(f.acked, f.next) > 0 || f.bytes > maxPending)
}

func (f *flow) acknowledge(ack uint32) {
	if f.known && after(ack, f.acked) > 0 {
		f.acked = ack
	}
}
