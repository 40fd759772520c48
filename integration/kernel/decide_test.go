// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

const start = "start s:a 1 1 s:db s:user 0"

func TestKernelSendsWhatIsLongOrFailed(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{MinDuration: 200 * time.Millisecond})
	f.do(start, done,
		start, "spin 200000000", done,
		start, "done 1 0 null 0",
		start, "done 0 1064 null 0",
		// The short one inside takes its steps with it.
		"start s:outer 5 2 s:db s:user 0", "step_start 1", "step_done 0",
		start, "steps 3", done, "spin 200000000", "step_start 2", "step_done 1", done)
	var got []string
	for _, r := range o.records() {
		line := fmt.Sprintf("connection %d error %d failed %v", r.values["connection"], r.values["error"], r.Flags&bridge.FlagFailed != 0)
		for _, e := range r.Entries {
			line += fmt.Sprintf(" step %d flags %d depth %d", e.Value, e.Flags, e.Depth)
		}
		got = append(got, line)
	}
	want := []string{
		"connection 1 error 0 failed false",
		"connection 1 error 0 failed true",
		"connection 1 error 1064 failed true",
		"connection 2 error 0 failed false step 1 flags 0 depth 1 step 2 flags 1 depth 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if c := o.counts("query"); c.Filtered != 2 || c.Paired != 6 {
		t.Errorf("counts %+v", c)
	}
	total := uint64(0)
	for _, h := range o.histograms("query") {
		total += h.Count
	}
	if total != 6 {
		t.Errorf("%d operations in the histograms, want all 6", total)
	}
}

func TestKernelSamplesButKeepsWhatFailed(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{Sample: 0.25})
	f.do("pairs 4000 s:text")
	kept := len(o.records())
	if kept < 800 || kept > 1200 {
		t.Errorf("%d of 4000 were kept, want about 1000", kept)
	}
	for range 40 {
		f.do(start, "done 1 0 null 0")
	}
	if n := len(o.records()); n != 40 {
		t.Errorf("%d of 40 failed ones were kept", n)
	}
	if c := o.counts("query"); c.Sampled != uint64(4000-kept) {
		t.Errorf("counts %+v", c)
	}
}

func TestKernelCountsDurationsInTheBucketsOfBridge(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	// Starts in the future, too: they give the shortest durations.
	for ago := -40_000; ago < 0; ago += 400 {
		f.do(fmt.Sprintf("start_ago %d", ago), done)
	}
	for ago := uint64(100); ago < 1<<41; ago += ago/7 + 1 {
		f.do(fmt.Sprintf("start_ago %d", ago), done)
	}
	var want, got [bridge.NumBuckets]uint64
	used := 0
	for _, r := range o.records() {
		// A start before the machine's own is a negative number.
		want[bridge.BucketOf(uint64(max(int64(r.EndNs-r.StartNs), 0)))]++
	}
	for _, h := range o.histograms("query") {
		for i, n := range h.Buckets {
			got[i] += n
			if n > 0 {
				used++
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
	if used < 100 || got[bridge.NumBuckets-1] == 0 {
		t.Errorf("only %d buckets were reached, %d durations in the last", used, got[bridge.NumBuckets-1])
	}
}

func TestKernelTakesTheStartThatTheProbeTells(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	f.do("start_ago 5000000000", done)
	r := o.one()
	if d := time.Duration(r.EndNs - r.StartNs); d < 5*time.Second || d > 10*time.Second || r.StartNs != uint64(r.values["start_ns"]) {
		t.Errorf("it lasted %v from %d", d, r.StartNs)
	}
}

func TestKernelSeesTheProcessesAskedFor(t *testing.T) {
	t.Parallel()
	path := compileFixture(t, "probes.c")
	wanted, other := startFixture(t, path), startFixture(t, path)
	o := observe(t, wanted, fixtureProfile, probes.Config{Targets: []probes.Target{{PID: wanted.cmd.Process.Pid}}})
	other.do(start, done, "point 3")
	wanted.do("point 3", "point 4", "point 5", "fork", start, done)
	if r := o.one(); int(r.TGID) != wanted.cmd.Process.Pid {
		t.Errorf("record of process %d", r.TGID)
	}
	if c := o.counts("query"); c.Starts != 1 || c.Dones != 1 {
		t.Errorf("counts %+v", c)
	}
	if c := o.counts("tick"); c.Points != 2 {
		t.Errorf("%d points, want 2", c.Points)
	}
}

func TestKernelLosesOnlyWhatItCountsWhenTheRingIsFull(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{Programs: probes.Programs{RingBytes: 64 << 10}})
	f.do("pairs 2000 s:text")
	got := uint64(len(o.records()))
	c := o.counts("query")
	if c.RingFull == 0 || c.Submitted != got || c.RingFull+got != 2000 {
		t.Errorf("%d records, counts %+v", got, c)
	}
	f.do(start, done)
	o.one()
}
