// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

func TestKernelCarriesInnerOperationsInTheRecordAround(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	f.do("step_start 9", "step_done 0", start, "steps 100", done)
	r := o.one()
	if len(r.Entries) != bridge.MaxEntries || r.RestCount[0] != 100-bridge.MaxEntries || r.RestNs[0] == 0 {
		t.Fatalf("%d entries, rest %v of %v ns", len(r.Entries), r.RestCount, r.RestNs)
	}
	for i, e := range r.Entries {
		if e.Value != uint64(i) || e.Depth != 1 || e.StartNs < r.StartNs || e.StartNs+e.DurationNs > r.EndNs {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	if c := o.counts("step"); c.Outside != 2 || c.Starts != 100 || c.Inlined != 100 {
		t.Errorf("counts %+v", c)
	}

	f.do(start, "step_start 1", "step_start 2", "step_done 0", "step_done 1", done)
	var got []string
	for _, e := range o.one().Entries {
		got = append(got, fmt.Sprintf("step %d depth %d flags %d", e.Value, e.Depth, e.Flags))
	}
	if diff := cmp.Diff([]string{"step 2 depth 2 flags 0", "step 1 depth 1 flags 1"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestKernelGivesEveryRecordItsOwnInnerOperations(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	f.do("start s:outer 5 1 s:db s:user 0", "step_start 1",
		"start s:inner 5 2 s:db s:user 0", "step_start 2", "step_done 0", done,
		// What is begun inside a step and never ended changes nothing of it.
		"phase_start", "step_start 3", "start s:lost 4 3 s:db s:user 0", "steps 2", "phase_done",
		"step_done 0", done)
	var got []string
	for _, r := range o.records() {
		line := r.op + " " + r.texts["text"]
		for _, e := range r.Entries {
			line += fmt.Sprintf(" %d at %d", e.Value, e.Depth)
		}
		got = append(got, line)
	}
	want := []string{"query inner 2 at 1", "phase ", "query outer 1 at 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	for op, replaced := range map[string]uint64{"query": 1, "step": 1, "phase": 0} {
		if c := o.counts(op); c.Replaced != replaced || c.Open != 0 {
			t.Errorf("%s: counts %+v", op, c)
		}
	}
}

func TestKernelCountsEveryOperationInItsNamespace(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	f.do("start s:a 1 1 s:outer s:u 0", "phase_start", "phase_done",
		"start s:a 1 1 s:inner s:u 0", "step_start 1", "step_done 0", done,
		"start s:a 1 1 null s:u 0", done,
		"step_start 1", "step_done 0", done,
		"phase_start", "phase_done")
	got := make(map[string]uint64)
	for _, op := range []string{"query", "phase", "step"} {
		for _, h := range o.histograms(op) {
			got[op+" "+h.Namespace] += h.Count
		}
	}
	want := map[string]uint64{
		"query outer": 1, "query inner": 1, "query ": 1, "phase outer": 1, "phase ": 1,
		"step inner": 1, "step outer": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("histograms (-want +got):\n%s", diff)
	}
}

func TestKernelTellsEndsOfWhatFoundNoRoomFromOthers(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	const depth = 16
	for i := 1; i <= depth; i++ {
		f.do(fmt.Sprintf("start s:a 1 %d s:db s:user 0", i))
	}
	f.do("phase_start") // no room, and it is never ended
	for range depth {
		f.do(done)
	}
	for i, r := range o.records() {
		if r.values["connection"] != int64(depth-i) {
			t.Errorf("record %d is of connection %d", i, r.values["connection"])
		}
	}
	if c := o.counts("query"); c.Paired != depth || c.NoStart != 0 {
		t.Errorf("counts %+v", c)
	}
	if c := o.counts("phase"); c.Overflow != 1 {
		t.Errorf("counts of phase %+v", c)
	}
}

// Programs sleep and are preempted: threads on one CPU must not see each other's
// scratch memory, nor each other's stack (bpf/stack.bpf.h).
func TestKernelKeepsThreadsApart(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{Programs: probes.Programs{RingBytes: 64 << 20}})
	n := 20_000
	if testing.Short() {
		n = 5000
	}
	f.do(fmt.Sprintf("hammer %d", n))
	all, wrong := o.records(), 0
	for _, r := range all {
		thread, i := r.values["connection"]/1_000_000, r.values["connection"]%1_000_000
		db := fmt.Sprintf("db%d", thread)
		ok := r.texts["text"] == fmt.Sprintf("thread %d statement %d", thread, i) && r.texts["namespace"] == db &&
			r.texts["user"] == db && len(r.Entries) == 1 && int64(r.Entries[0].Value) == r.values["connection"]
		if !ok {
			if wrong++; wrong < 5 {
				t.Errorf("record %+v", r)
			}
		}
	}
	if wrong > 0 || len(all) != 2*n {
		t.Errorf("%d records, %d wrong; want %d", len(all), wrong, 2*n)
	}
	got := namespaces(o)
	if diff := cmp.Diff(map[string]uint64{"db1": uint64(n), "db2": uint64(n)}, got); diff != "" {
		t.Errorf("histograms (-want +got):\n%s", diff)
	}
	o.counts("query")
}
