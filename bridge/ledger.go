// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
)

// OpCounts is what the kernel side has counted of one operation.
type OpCounts struct {
	Op            uint16
	Starts        uint64 // start probes hit
	Dones         uint64 // done probes hit
	Points        uint64 // single events
	Paired        uint64
	Open          uint64 // begun and not ended; counted on its own, not derived
	Replaced      uint64 // begun anew, or what was around it ended, without an end
	Overflow      uint64 // nested too deep
	NoStorage     uint64 // no memory for the state of the thread
	Abandoned     uint64 // the thread ended
	NoStart       uint64 // ended, but its start was not seen
	Outside       uint64 // an inner operation with nothing around it, not counted elsewhere
	Filtered      uint64 // shorter than asked for
	Sampled       uint64 // not chosen
	Inlined       uint64 // travelled in the record of the operation around it
	RingFull      uint64 // lost: the ring buffer was full
	KernelErrors  uint64 // lost: the record could not be written
	Submitted     uint64 // records sent
	HistogramLost uint64 // missing in the histograms: too many series
	Unwanted      uint64 // ends of what was not to be opened, or of something inside: no dones
	Notes         uint64 // hits that told something of an open operation
	Untimed       uint64 // operations of which it is not known what their time was spent with
	Unfinished    uint64 // records sent of operations that are abandoned or open
}

// Lost is how many finished operations were lost on the way to user space.
func (c *OpCounts) Lost() uint64 { return c.RingFull + c.KernelErrors }

// check returns the difference where an equation of the kernel side fails.
func (c *OpCounts) check(name string) error {
	var errs []error
	hold := func(what string, total, parts uint64) {
		if total != parts {
			errs = append(errs, fmt.Errorf("%s: %s: %d is not %d", name, what, total, parts))
		}
	}
	hold("starts = paired + open + replaced + overflow + no_storage + abandoned", c.Starts,
		c.Paired+c.Open+c.Replaced+c.Overflow+c.NoStorage+c.Abandoned)
	hold("dones = paired + no_start", c.Dones, c.Paired+c.NoStart)
	hold("paired = filtered + sampled + inlined + ring_full + kernel_errors + submitted", c.Paired,
		c.Filtered+c.Sampled+c.Inlined+c.RingFull+c.KernelErrors+c.Submitted)
	return errors.Join(errs...)
}

// RecordCounts is what became of records in user space.
type RecordCounts struct {
	Received     uint64 // records read
	DecodeErrors uint64 // records that could not be read
	Unsampled    uint64 // no span: the application does not sample this trace
	Unknown      uint64 // no span: of an operation that is not in the table
	Noted        uint64 // no span: filtered or sampled out, sent for the context that the text sets
	Assembled    uint64 // records that gave a span
	Children     uint64 // spans of inner operations
	Adopted      uint64 // spans with a parent in the application
	Linked       uint64 // spans with a link to the application's
	Stale        uint64 // spans with a link to a context of when they were prepared
	Malformed    uint64 // statements with a trace context that is not valid
	Ambiguous    uint64 // statements with several different ones
	Faulty       uint64 // records with a capture that could not be read
	Orphaned     uint64 // nested operations whose surroundings gave no record
	Forgotten    uint64 // connections that made room for others in what is remembered
}

// Spans is how many spans were made.
func (c *RecordCounts) Spans() uint64 { return c.Assembled + c.Children }

// Account is the counts of one exporter.
type Account struct {
	Exporter string
	TallyCounts
}

// Ledger accounts for every hit of every probe. It is complete once the
// probes are detached, the source is drained and the exporters are shut down.
type Ledger struct {
	// Missed is how many hits of probes in the kernel, and ends of threads, ran no
	// program, which none of the equations can know.
	Missed    uint64
	Names     []string // of operations, by OpCounts.Op
	Ops       []OpCounts
	Records   RecordCounts
	Exporters []Account
}

// Check returns an error for every equation that does not hold, nil if the
// ledger closes.
func (l *Ledger) Check() error {
	var errs []error
	var submitted uint64
	for i := range l.Ops {
		errs = append(errs, l.Ops[i].check(l.Names[i]))
		submitted += l.Ops[i].Submitted + l.Ops[i].Unfinished
	}
	r := &l.Records
	if got := r.Received + r.DecodeErrors; submitted != got {
		errs = append(errs, fmt.Errorf("submitted + unfinished = received + decode_errors: %d is not %d", submitted, got))
	}
	if got := r.Assembled + r.Unsampled + r.Unknown + r.Noted; r.Received != got {
		errs = append(errs, fmt.Errorf("received = assembled + unsampled + unknown + noted: %d is not %d", r.Received, got))
	}
	for _, a := range l.Exporters {
		if a.Taken != r.Spans() {
			errs = append(errs, fmt.Errorf("exporter %s took %d of %d spans", a.Exporter, a.Taken, r.Spans()))
		}
		if settled := a.Acked + a.Rejected + a.DroppedTotal() + a.Queued; settled != a.Taken {
			errs = append(errs, fmt.Errorf("exporter %s: taken = acked + rejected + dropped + queued: %d is not %d",
				a.Exporter, a.Taken, settled))
		}
	}
	return errors.Join(errs...)
}

// Lost is how many operations and spans were lost anywhere.
func (l *Ledger) Lost() uint64 {
	lost := l.Records.DecodeErrors + l.Missed
	for i := range l.Ops {
		lost += l.Ops[i].Lost() + l.Ops[i].NoStorage + l.Ops[i].Overflow
	}
	for _, a := range l.Exporters {
		lost += a.Rejected + a.DroppedTotal()
	}
	return lost
}
