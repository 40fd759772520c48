// SPDX-License-Identifier: Apache-2.0

package otlp

import "sync"

// request is an encoded request with the number of its spans.
type request struct {
	body       *buffer
	spans      int
	compressed bool
}

// queue holds requests, oldest first, within limits that also count those
// that are under way. It is safe for concurrent use.
type queue struct {
	maxSpans, maxBytes int

	mu           sync.Mutex
	ready        sync.Cond
	waiting      []*request
	spans, bytes int // waiting and under way
	closed       bool
}

func newQueue(maxSpans, maxBytes int) *queue {
	q := &queue{maxSpans: maxSpans, maxBytes: maxBytes}
	q.ready.L = &q.mu
	return q
}

type pushResult uint8

const (
	pushed pushResult = iota
	pushFull
	pushClosed
)

func (q *queue) push(r *request) pushResult {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := cap(r.body.data)
	switch {
	case q.closed:
		return pushClosed
	case q.spans+r.spans > q.maxSpans || q.bytes+size > q.maxBytes:
		return pushFull
	}
	q.spans += r.spans
	q.bytes += size
	q.waiting = append(q.waiting, r)
	q.ready.Signal()
	return pushed
}

// pop waits for a request. It returns nil once the queue is closed and empty.
// Every request popped is given back to release with the size it had.
func (q *queue) pop() (r *request, size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 {
		if q.closed {
			return nil, 0
		}
		q.ready.Wait()
	}
	r = q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return r, cap(r.body.data)
}

// release makes room once a popped request is settled.
func (q *queue) release(spans, size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spans -= spans
	q.bytes -= size
}

// close refuses further requests; what waits can still be popped.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Broadcast()
}

// drain takes out all that waits and returns the number of its spans.
func (q *queue) drain() (spans int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.waiting {
		spans += r.spans
	}
	q.waiting = nil
	return spans
}
