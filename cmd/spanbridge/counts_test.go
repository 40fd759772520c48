// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

// pointCounts is a source of counts of two patterns that have a probe in common.
type pointCounts []bridge.HistogramPoint

func (c pointCounts) Histograms() ([]bridge.HistogramPoint, error) { return c, nil }
func (pointCounts) Instance(uint32) *bridge.Instance               { return &bridge.Instance{} }
func (pointCounts) Operation(op uint16) *bridge.Operation {
	return &bridge.Operation{Name: "events", Point: op < 2}
}

func TestCountsOfOneProbeAreKeptApart(t *testing.T) {
	var out strings.Builder
	counts := pointCounts{{Op: 0, Namespace: "sched_switch", Count: 100}, {Op: 1, Namespace: "sched_switch", Count: 90}, {Op: 2, Count: 7}}
	l := liveCounts{source: counts, out: &out}
	printed := func() string {
		out.Reset()
		l.print(time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC))
		return out.String()
	}
	if got, want := printed(), "08:00:00  +100       100         sched_switch\n08:00:00  +90        90          sched_switch\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := printed(); got != "" {
		t.Errorf("nothing has changed, and there is\n%s", got)
	}
	counts[1].Count = 95
	if got, want := printed(), "08:00:00  +5         95          sched_switch\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
