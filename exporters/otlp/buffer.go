// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Buffers come in powers of two from 4 KiB, above the size below which gRPC
// would not tell that it has done with one.
const (
	minBufferBits = 12
	maxBufferBits = 26
)

// bufferPool keeps the memory of delivered requests. Its zero value is ready
// and it is safe for concurrent use.
type bufferPool struct {
	classes [maxBufferBits - minBufferBits + 1]sync.Pool
}

// buffer is the body of a request. Transports may go on reading it after an
// attempt has ended, so it returns to its pool with the last reference.
type buffer struct {
	data []byte
	refs atomic.Int32
	pool *sync.Pool // nil: too large to be kept
}

// get returns an empty buffer for size bytes, with one reference.
func (p *bufferPool) get(size int) *buffer {
	class := max(0, bits.Len(uint(max(size, 1)-1))-minBufferBits)
	if class >= len(p.classes) {
		b := &buffer{data: make([]byte, 0, size)}
		b.refs.Store(1)
		return b
	}
	b, ok := p.classes[class].Get().(*buffer)
	if !ok {
		b = &buffer{data: make([]byte, 0, 1<<(class+minBufferBits)), pool: &p.classes[class]}
	}
	b.data = b.data[:0]
	b.refs.Store(1)
	return b
}

func (b *buffer) ref() { b.refs.Add(1) }

func (b *buffer) unref() {
	if b.refs.Add(-1) == 0 && b.pool != nil {
		b.pool.Put(b)
	}
}

// Write appends, so that a compressor can fill the buffer.
func (b *buffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	return len(p), nil
}
