// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"slices"
	"testing"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

// TestKernelJoinsThePartsOfAWait fires steps right behind each other, in one loop
// of the fixture. The kernel may let another thread run in between for longer than
// what joins, so it is tried again.
func TestKernelJoinsThePartsOfAWait(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, variant(t, "    parent: query\n", "    parent: query\n    joins: [7]\n"), probes.Config{})
	var r record
	for range 20 {
		f.do(start, "parts 200 7", "parts 2 8", "parts 2 7", "spin 2000000", "parts 2 7", done)
		if r = o.one(); slices.Equal(valuesOf(r.Entries), []uint64{7, 8, 8, 7, 7}) {
			break
		}
	}
	if got, want := valuesOf(r.Entries), []uint64{7, 8, 8, 7, 7}; !slices.Equal(got, want) {
		t.Fatalf("entries with the values %v, want %v", got, want)
	}
	// From the first one's start to the last one's end: 400 hits, of which each
	// costs more than a quarter of a microsecond.
	long, next := r.Entries[0], r.Entries[1]
	if long.DurationNs < 100_000 || long.StartNs+long.DurationNs > next.StartNs {
		t.Errorf("200 parts lasted %d ns, and ended %d ns before the next", long.DurationNs,
			int64(next.StartNs-long.StartNs-long.DurationNs))
	}
	if c := o.counts("step"); c.Starts%206 != 0 || c.Starts != c.Inlined {
		t.Errorf("counts %+v", c)
	}
}

// TestKernelJoinsNothingAcrossStatements: what ended last may be of the
// statement around this one.
func TestKernelJoinsNothingAcrossStatements(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, variant(t, "    parent: query\n", "    parent: query\n    joins: [7]\n"), probes.Config{})
	f.do(start, "parts 1 7", start, "parts 1 7", done, done)
	for _, r := range o.records() {
		if len(r.Entries) != 1 {
			t.Errorf("%d entries, want 1", len(r.Entries))
		}
	}
}

func valuesOf(entries []bridge.Entry) (values []uint64) {
	for _, e := range entries {
		values = append(values, e.Value)
	}
	return values
}
