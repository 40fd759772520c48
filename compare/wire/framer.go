// SPDX-License-Identifier: Apache-2.0

package wire

import "encoding/binary"

const (
	headerSize = 4
	largest    = 1<<24 - 1 // of a packet; one of that size goes on in the next
)

// packet is one of the protocol's, whole.
type packet struct {
	head        []byte // of its payload, as much as is kept
	size        int    // of its payload
	first, last uint8  // its sequence numbers
	at          int64  // of the segment with its last byte
	number      uint64
	ack         uint32
}

// framer cuts one direction into packets. It keeps the beginning of each.
type framer struct {
	keep   int
	header [headerSize]byte
	have   int // bytes of the header
	left   int // of the payload that is still to come
	open   bool
	goesOn bool // the packet goes on in the next
	packet packet
	buf    []byte
}

func (f *framer) reset() {
	*f = framer{keep: f.keep}
}

// feed calls each with every packet that a piece completes, until each returns false, and returns what is left.
// A packet's head is valid until each returns.
func (f *framer) feed(p *piece, each func(*packet) bool) (rest []byte, goOn bool) {
	data := p.data
	for len(data) > 0 {
		if !f.open {
			n := copy(f.header[f.have:], data)
			f.have, data = f.have+n, data[n:]
			if f.have < headerSize {
				return nil, true
			}
			f.start(p)
		}
		n := min(f.left, len(data))
		f.store(data[:n])
		f.left, data = f.left-n, data[n:]
		if f.left > 0 {
			return nil, true
		}
		if f.open = false; f.goesOn {
			continue
		}
		f.packet.at, f.packet.ack = p.at, p.ack
		f.packet.head = f.buf
		goOn := each(&f.packet)
		f.packet = packet{}
		if f.buf = f.buf[:0]; cap(f.buf) > 64<<10 {
			f.buf = nil
		}
		if !goOn {
			return data, false
		}
	}
	return nil, true
}

func (f *framer) start(p *piece) {
	f.left = int(binary.LittleEndian.Uint32(f.header[:]) & largest)
	if !f.goesOn {
		f.packet = packet{first: f.header[3], number: p.number}
	}
	f.packet.last = f.header[3]
	f.packet.size += f.left
	f.goesOn = f.left == largest
	f.have, f.open = 0, true
}

func (f *framer) store(data []byte) {
	if n := min(len(data), f.keep-len(f.buf)); n > 0 {
		f.buf = append(f.buf, data[:n]...)
	}
}
