// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
)

// fields reads the parts of a packet one after the other. What is not there is zero, and ok false from then on.
type fields struct {
	rest []byte
	ok   bool
}

func fieldsOf(b []byte) *fields { return &fields{rest: b, ok: true} }

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.rest) {
		f.rest, f.ok = nil, false
		return nil
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

// uint reads a number of up to 8 bytes.
func (f *fields) uint(n int) uint64 {
	var b [8]byte
	copy(b[:], f.take(n))
	return binary.LittleEndian.Uint64(b[:])
}

// text reads a string that a zero ends.
func (f *fields) text() []byte {
	i := bytes.IndexByte(f.rest, 0)
	if i < 0 {
		f.take(-1)
		return nil
	}
	b := f.take(i)
	f.take(1)
	return b
}

// length reads a number whose length it tells itself (int<lenenc>).
func (f *fields) length() uint64 {
	switch first := f.uint(1); first {
	case 0xfc:
		return f.uint(2)
	case 0xfd:
		return f.uint(3)
	case 0xfe:
		return f.uint(8)
	case 0xfb, 0xff:
		f.take(-1)
		return 0
	default:
		return first
	}
}

// counted reads a string that its length stands before (string<lenenc>).
func (f *fields) counted() []byte {
	n := f.length()
	if n > uint64(len(f.rest)) {
		f.take(-1)
		return nil
	}
	return f.take(int(n))
}
