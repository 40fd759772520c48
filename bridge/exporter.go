// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"sync/atomic"
)

// Exporter ships finished spans.
//
// Export must not retain the batch or anything that it refers to. It returns
// an error only when the batch as a whole could not be taken over; what becomes
// of spans later is told to the exporter's [Tally]. Export is called by one
// goroutine at a time; Shutdown delivers what is queued until its context ends.
type Exporter interface {
	Export(ctx context.Context, batch []Span) error
	Shutdown(ctx context.Context) error
}

// DropReason says why an exporter gave a span up.
type DropReason uint8

// The reasons. Rejected spans (refused by the receiver in a partial success)
// are counted apart.
const (
	DropQueueFull DropReason = iota // the bounded queue was full
	DropExpired                     // retries went on for too long
	DropRefused                     // the receiver answered with a permanent failure
	DropShutdown                    // still queued when the shutdown's time ended
	DropEncode                      // the span could not be encoded or written
	numDropReasons
)

var dropReasonNames = [numDropReasons]string{"queue_full", "expired", "refused", "shutdown", "encode"}

func (r DropReason) String() string { return dropReasonNames[r] }

// DropReasons lists every reason, in a fixed order.
func DropReasons() []DropReason {
	all := make([]DropReason, numDropReasons)
	for i := range all {
		all[i] = DropReason(i)
	}
	return all
}

// Tally counts, in spans, what became of what an exporter was handed:
// Taken = Acked + Rejected + dropped by reason + queued. Its zero value is ready
// and it is safe for concurrent use.
type Tally struct {
	taken, acked, rejected, retries atomic.Uint64
	dropped                         [numDropReasons]atomic.Uint64
}

// Take counts n spans handed to the exporter.
func (t *Tally) Take(n int) { t.taken.Add(uint64(n)) }

// Ack counts n spans that the receiver has accepted.
func (t *Tally) Ack(n int) { t.acked.Add(uint64(n)) }

// Reject counts n spans that the receiver refused while accepting their batch.
func (t *Tally) Reject(n int) { t.rejected.Add(uint64(n)) }

// Drop counts n spans given up.
func (t *Tally) Drop(reason DropReason, n int) { t.dropped[reason].Add(uint64(n)) }

// Retry counts one more attempt to deliver a batch.
func (t *Tally) Retry() { t.retries.Add(1) }

// TallyCounts is a [Tally] at one moment. Queued is what is left over.
type TallyCounts struct {
	Taken, Acked, Rejected, Queued, Retries uint64
	Dropped                                 [numDropReasons]uint64
}

// Counts reads the tally. While the exporter runs the parts may be read at
// slightly different moments; once it is shut down they add up exactly.
func (t *Tally) Counts() TallyCounts {
	var c TallyCounts
	c.Acked, c.Rejected, c.Retries = t.acked.Load(), t.rejected.Load(), t.retries.Load()
	settled := c.Acked + c.Rejected
	for i := range t.dropped {
		c.Dropped[i] = t.dropped[i].Load()
		settled += c.Dropped[i]
	}
	c.Taken = t.taken.Load()
	if c.Taken > settled {
		c.Queued = c.Taken - settled
	}
	return c
}

// DroppedTotal sums the dropped spans over all reasons.
func (c TallyCounts) DroppedTotal() uint64 {
	var n uint64
	for _, d := range c.Dropped {
		n += d
	}
	return n
}
