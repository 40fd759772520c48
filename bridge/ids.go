// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
)

// ids makes trace and span ids that nobody can foresee.
type ids struct {
	random *rand.ChaCha8
	secret uint64
	second uint64 // secret
}

func newIDs() *ids {
	var seed [32]byte
	crand.Read(seed[:]) // never returns an error (crypto/rand, Go 1.24)
	i := &ids{random: rand.NewChaCha8(seed)}
	i.secret, i.second = i.random.Uint64(), i.random.Uint64()
	return i
}

func (i *ids) trace() (id TraceID) {
	binary.NativeEndian.PutUint64(id[:8], i.random.Uint64())
	binary.NativeEndian.PutUint64(id[8:], i.random.Uint64()|1)
	return id
}

// traceOf returns the trace id of a record that is in no other trace. It depends on
// the record's names alone, so that what is told of an operation while it runs leads
// to the span that comes when it has ended.
func (i *ids) traceOf(r *Record) (id TraceID) {
	x := mix(i.secret^mix(uint64(r.TGID)<<32|uint64(r.TID))) ^ mix(i.second^uint64(r.Seq))
	binary.NativeEndian.PutUint64(id[:8], mix(x^mix(r.StartNs)))
	binary.NativeEndian.PutUint64(id[8:], mix(x+mix(r.StartNs^i.second))|1)
	return id
}

// inKernel returns the ids of a record of an operation at probes in the kernel, which is in a
// trace of its own. Whose it is may become known late: its number, which is of chance, and
// its start do not change.
func (i *ids) inKernel(r *Record) (SpanID, TraceID) {
	name := Record{TGID: uint32(r.StartNs >> 32), TID: uint32(r.StartNs), Seq: r.Seq}
	return i.ofRecord(name.TGID, name.TID, name.Seq), i.traceOf(&name)
}

func (i *ids) span() (id SpanID) {
	binary.NativeEndian.PutUint64(id[:], i.random.Uint64()|1)
	return id
}

// ofRecord returns the span id of a record. It depends on the record's names
// alone, so that a nested operation knows its parent's before it has arrived.
func (i *ids) ofRecord(tgid, tid, seq uint32) (id SpanID) {
	x := i.secret ^ mix(uint64(tgid)<<32|uint64(tid))
	binary.NativeEndian.PutUint64(id[:], mix(x^uint64(seq))|1)
	return id
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
