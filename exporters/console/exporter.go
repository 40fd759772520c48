// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

const (
	drawEvery = 100 * time.Millisecond
	sumEvery  = time.Second
	// maxHeldSeconds bounds the traces held while the writer stands still, as a
	// terminal does after Ctrl-S, in seconds of the drawing rate.
	maxHeldSeconds = 4
)

var _ bridge.Exporter = (*Exporter)(nil)

// Exporter draws finished traces as they come. Export only sorts spans; one
// goroutine draws and writes, so a slow terminal delays nobody: what it cannot
// show in time is summed up. A span counts as acked once it was written, drawn
// or within a sum.
type Exporter struct {
	opts  Options
	tally *bridge.Tally
	out   io.Writer
	stop  chan struct{}
	done  chan struct{}

	mu        sync.Mutex
	held      map[bridge.TraceID]*heldTrace
	order     []*heldTrace // by deadline
	rest      rest
	running   []runningLine
	all       budget
	failures  budget
	unsettled int  // spans taken and neither acked nor dropped
	closed    bool // Shutdown was called
	abandoned bool // Shutdown gave up waiting
	err       error
}

type heldTrace struct {
	group
	id  bridge.TraceID
	due time.Time
}

// New starts an exporter that writes to w. Nothing else may write to w before
// Shutdown returns. What becomes of spans is told to the tally, which may be
// nil. The caller must call Shutdown.
func New(w io.Writer, opts Options, tally *bridge.Tally) *Exporter {
	if tally == nil {
		tally = &bridge.Tally{}
	}
	opts = opts.withDefaults()
	now := time.Now()
	e := &Exporter{
		opts:     opts,
		tally:    tally,
		out:      w,
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
		held:     make(map[bridge.TraceID]*heldTrace),
		all:      newBudget(opts.TracesPerSecond, now),
		failures: newBudget(opts.TracesPerSecond, now),
	}
	go e.run()
	return e
}

// Export takes over a batch. It copies what will be drawn and never waits for
// the writer. After Shutdown it counts the batch as dropped and returns an error.
func (e *Exporter) Export(_ context.Context, batch []bridge.Span) error {
	e.tally.Take(len(batch))
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		e.tally.Drop(bridge.DropShutdown, len(batch))
		return errors.New("export to console: exporter is shut down")
	}
	e.unsettled += len(batch)
	e.all.refill(now)
	e.failures.refill(now)
	for i := range batch {
		s := &batch[i]
		trace := e.held[s.TraceID]
		if trace == nil {
			if !e.affordable(s) {
				e.rest.add(s)
				continue
			}
			trace = &heldTrace{id: s.TraceID, due: now.Add(e.opts.Window)}
			e.held[s.TraceID] = trace
			e.order = append(e.order, trace)
		}
		trace.add(s, e.opts)
	}
	return nil
}

// affordable decides whether the trace that begins with s is drawn.
func (e *Exporter) affordable(s *bridge.Span) bool {
	if len(e.order) >= maxHeldSeconds*e.opts.TracesPerSecond {
		return false
	}
	return e.all.spend() || (s.Status == bridge.StatusError && e.failures.spend())
}

// Shutdown draws what is held and sums up the rest. If ctx ends before the
// writer has taken everything, the remaining spans count as dropped, and the
// goroutine ends as soon as the writer returns. It returns the first failure to
// write, if there was one. Further calls return nil.
func (e *Exporter) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	close(e.stop)
	select {
	case <-e.done:
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unsettled > 0 {
		e.abandoned = true
		e.tally.Drop(bridge.DropShutdown, e.unsettled)
		return errors.Join(e.err, fmt.Errorf("shut down console with %d spans unwritten: %w", e.unsettled, ctx.Err()))
	}
	return e.err
}

func (e *Exporter) run() {
	defer close(e.done)
	ticker := time.NewTicker(drawEvery)
	defer ticker.Stop()
	d := newDrawing(e.opts)
	summed := time.Now()
	for {
		select {
		case now := <-ticker.C:
			sum := now.Sub(summed) >= sumEvery
			if sum {
				summed = now
			}
			e.write(d, now, sum)
		case <-e.stop:
			e.write(d, time.Now().Add(e.opts.Window), true)
			return
		}
	}
}

// write draws the traces that are due and, if sum is set, the line for the
// spans that were not drawn.
func (e *Exporter) write(d *drawing, now time.Time, sum bool) {
	due, rest := e.collect(now, sum)
	n := int(rest.spans)
	d.buf = d.buf[:0]
	for _, line := range e.takeRunning() {
		d.put(dim, d.clock(line.atNs)+" "+line.text)
		d.newline()
		d.apart = false
	}
	for _, trace := range due {
		d.trace(trace.views, trace.hidden)
		n += trace.spans()
	}
	if rest.spans > 0 {
		d.put(dim, rest.String())
		d.newline()
		d.apart = false
	}
	if len(d.buf) == 0 {
		return
	}
	_, err := e.out.Write(d.buf)
	e.settle(n, err)
}

// collect takes out what is to be written.
func (e *Exporter) collect(now time.Time, sum bool) ([]*heldTrace, rest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for n < len(e.order) && !e.order[n].due.After(now) {
		delete(e.held, e.order[n].id)
		n++
	}
	due := append([]*heldTrace(nil), e.order[:n]...)
	e.order = append(e.order[:0], e.order[n:]...)
	var r rest
	if sum && e.rest.spans > 0 {
		r, e.rest = e.rest, rest{}
	}
	return due, r
}

func (e *Exporter) takeRunning() (lines []runningLine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	lines, e.running = e.running, nil
	return lines
}

// settle tells the tally what became of n spans.
func (e *Exporter) settle(n int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("write to console: %w", err)
	}
	if e.abandoned {
		return
	}
	e.unsettled -= n
	if err != nil {
		e.tally.Drop(bridge.DropEncode, n)
		return
	}
	e.tally.Ack(n)
}
