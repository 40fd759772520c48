// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/compare"
)

// Why statements are lost, of probes.
const (
	WhyRingFull  = "the ring buffer was full (--ring-bytes)"
	WhyRecord    = "the record could not be written or read"
	WhyNoStorage = "the kernel had no memory for the state of the thread"
	WhyTooDeep   = "nested too deep"
	WhyNoPair    = "the probes saw its beginning or its end only"
)

// losses are what a ledger says was lost, by when it said so first.
type losses struct {
	at    time.Time
	known map[string]uint64
	found []compare.Loss
}

// Observe reads the ledger of the bridge. What is lost since the last time was lost in
// between: the more often it is called, the more narrowly that is known. The first call is
// for when the probes were attached, the last for when everything was delivered.
func (a *Account) Observe(l *bridge.Ledger, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.losses.observe(lost(l), now)
}

func (l *losses) observe(now map[string]uint64, at time.Time) {
	for why, n := range now {
		if before := l.known[why]; n > before && l.known != nil {
			// What is lost is noticed when it ends, and may have begun much earlier.
			l.found = append(l.found, compare.Loss{From: l.at.Add(-longest).UnixNano(), To: at.UnixNano(), Count: n - before, Why: why})
		}
	}
	l.known, l.at = now, at
}

// longest is how long statements are taken to last that are lost.
const longest = time.Second

// lost counts operations by why nothing came of them. Which of the operations are statements
// the counts do not tell.
func lost(l *bridge.Ledger) map[string]uint64 {
	n := map[string]uint64{WhyRingFull: 0, WhyRecord: l.Records.DecodeErrors}
	for i := range l.Ops {
		c := &l.Ops[i]
		n[WhyRingFull] += c.RingFull
		n[WhyRecord] += c.KernelErrors
		n[WhyNoStorage] += c.NoStorage
		n[WhyTooDeep] += c.Overflow
		n[WhyNoPair] += c.Replaced + c.NoStart
	}
	return n
}
