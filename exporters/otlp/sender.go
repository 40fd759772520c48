// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

// sender delivers requests by the retry rules of the specification and settles
// their spans in the tally. It is safe for concurrent use.
type sender struct {
	config    Config
	tally     *bridge.Tally
	transport transport
	notifier  *notifier

	gaveUp atomic.Bool // spans were dropped because of abort

	ctx   context.Context // ends when attempts are to be given up
	abort context.CancelFunc

	hurried    sync.Once
	hurrying   chan struct{} // closed when the queue is to be emptied soon
	start      time.Time
	closedTill atomic.Int64 // since start: until then the receiver wants no request
}

// hurriedBackoff is the longest wait between attempts of a shutdown.
const hurriedBackoff = time.Second

func newSender(config Config, tally *bridge.Tally, t transport, n *notifier) *sender {
	s := &sender{
		config: config, tally: tally, transport: t, notifier: n,
		hurrying: make(chan struct{}), start: time.Now(),
	}
	s.ctx, s.abort = context.WithCancel(context.Background())
	return s
}

func (s *sender) close() {
	s.abort()
	s.transport.close()
}

// hurry ends a wait between attempts that is under way, so that a shutdown has
// a try at once. Waits that the receiver asked for are kept.
func (s *sender) hurry() { s.hurried.Do(func() { close(s.hurrying) }) }

// deliver returns once all spans of the request are settled.
func (s *sender) deliver(r *request) {
	if !s.waitThrottle() {
		s.giveUp(r)
		return
	}
	deadline := time.Now().Add(s.config.MaxElapsed)
	retry := backoff{next: s.config.InitialBackoff, limit: s.config.MaxBackoff}
	hurrying := (<-chan struct{})(s.hurrying)
	for {
		f := s.attempt(r)
		switch {
		case f == nil:
			return
		case s.ctx.Err() != nil:
			s.giveUp(r)
			return
		case !f.retry:
			s.notifier.up()
			s.notifier.refused(r.spans, f.err)
			s.tally.Drop(bridge.DropRefused, r.spans)
			return
		}
		s.notifier.down(f.err)
		delay := s.delay(f, &retry)
		if time.Now().Add(delay).After(deadline) {
			s.tally.Drop(bridge.DropExpired, r.spans)
			return
		}
		if f.after <= 0 {
			if hurrying == nil {
				delay = min(delay, hurriedBackoff)
			}
			hurrying = s.waitBackoff(delay, hurrying)
		}
		if !s.waitThrottle() {
			s.giveUp(r)
			return
		}
		s.tally.Retry()
	}
}

// giveUp settles what an aborted exporter still holds.
func (s *sender) giveUp(r *request) {
	s.gaveUp.Store(true)
	s.tally.Drop(bridge.DropShutdown, r.spans)
}

// delay is how long to wait after the failure. A wish of the receiver's holds
// for all requests.
func (s *sender) delay(f *failure, retry *backoff) time.Duration {
	if f.after <= 0 {
		return retry.wait()
	}
	delay := spread(f.after)
	till := int64(time.Since(s.start) + delay)
	for {
		old := s.closedTill.Load()
		if old >= till || s.closedTill.CompareAndSwap(old, till) {
			return delay
		}
	}
}

// attempt sends the request once. On success it settles the spans.
func (s *sender) attempt(r *request) *failure {
	ctx, cancel := context.WithTimeout(s.ctx, s.config.Timeout)
	defer cancel()
	a, f := s.transport.send(ctx, r)
	if f != nil {
		return f
	}
	s.notifier.up()
	rejected := int(min(max(a.rejected, 0), int64(r.spans)))
	if rejected > 0 || a.message != "" {
		s.notifier.answered(rejected, a.message)
	}
	s.tally.Reject(rejected)
	s.tally.Ack(r.spans - rejected)
	return nil
}

// waitThrottle waits as long as the receiver wants no request. It reports
// whether to go on.
func (s *sender) waitThrottle() bool {
	for s.ctx.Err() == nil {
		delay := time.Duration(s.closedTill.Load()) - time.Since(s.start)
		if delay <= 0 {
			return true
		}
		s.waitBackoff(delay, nil)
	}
	return false
}

// waitBackoff sleeps until the delay is over, the exporter is aborted or early
// is closed. It returns what may cut the next wait short: only one is.
func (s *sender) waitBackoff(delay time.Duration, early <-chan struct{}) <-chan struct{} {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	case <-early:
		return nil
	}
	return early
}
