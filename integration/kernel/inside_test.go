// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

// withSyncs adds what the kernel does inside the query: fsync.
var withSyncs = fixtureProfile + fmt.Sprintf(`  fsync:
    parent: query
    metric: fixture.fsync.duration
    tiers:
      - tier: raw
        start:
          probe: rawtracepoint:sys_enter
          when: {field: id, type: u32, in: [%d]}
          capture: {number: {field: id, type: u32}}
        done:
          probe: rawtracepoint:sys_exit
          capture: {error: {field: ret, type: i64, errno: true}}
`, syscall.SYS_FSYNC)

// withFaults adds what begins where the kernel gets a page for the process, which it does
// while a program of ours waits for one.
const withFaults = fixtureProfile + `  fault:
    parent: query
    tiers:
      - tier: raw
        start: {probe: ["kprobe:handle_mm_fault", "rawtracepoint:rss_stat"]}
        done: {probe: "rawtracepoint:sched_process_exit", optional: true}
`

func TestKernelPutsItsWorkIntoTheQueryAroundIt(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, withSyncs, probes.Config{})
	f.do("fsync 2", "start s:SELECT_1 8 42 s:shop s:alice 0", "step_start 7", "fsync 3", "step_done 0", "fsync 1", "done 0 0 null 0", "fsync 1")
	r := o.one()
	var syncs, steps, deep int
	for _, e := range r.Entries {
		switch o.session.Operation(e.Op).Name {
		case "fsync":
			syncs++
			if e.Depth == 2 {
				deep++
			}
			if e.Value != syscall.SYS_FSYNC || e.StartNs < r.StartNs || e.StartNs+e.DurationNs > r.EndNs || e.Flags != 0 {
				t.Errorf("entry %+v of %d to %d", e, r.StartNs, r.EndNs)
			}
		case "step":
			steps++
		}
	}
	if syncs != 4 || deep != 3 || steps != 1 {
		t.Errorf("%d of 4 calls, %d of 3 in the step, %d steps: %+v", syncs, deep, steps, r.Entries)
	}
	c := o.counts("fsync")
	if c.Starts != 4 || c.Dones != 4 || c.Inlined != 4 || c.Outside < 3 {
		t.Errorf("counts %+v", c)
	}
	h := o.histograms("fsync")
	if len(h) != 1 || h[0].Count != 4 || h[0].Namespace != "shop" || int(h[0].TGID) != f.cmd.Process.Pid {
		t.Errorf("histograms %+v", h)
	}
}

// A program of ours that waits for a page is met by the probes of the fault.
func TestKernelKeepsOffARecordOnWhichAProgramIsAtWork(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, withFaults, probes.Config{})
	before := o.counts("fault").Outside
	const n = 20
	for range n {
		f.do("start cold:SELECT_1 8 42 s:shop s:alice 0", "done 0 0 null 0")
	}
	all := o.records()
	if len(all) != n {
		t.Fatalf("%d records of %d", len(all), n)
	}
	for _, r := range all {
		if r.texts["text"] != "SELECT_1" || r.Flags != bridge.FlagHasText {
			t.Errorf("text %q, flags %#x", r.texts["text"], r.Flags)
		}
	}
	if got := o.counts("fault").Outside - before; got < n {
		t.Errorf("%d faults were kept off the record, want at least %d: the programs did not wait for a page", got, n)
	}
}

// withHeld adds what the kernel does inside the query and does not end: the fixture asks, and
// does not answer.
const withHeld = fixtureProfile + `  held:
    parent: query
    attributes: {fixture.twice: again}
    tiers:
      - tier: kernel
        start:
          probe: tracepoint:syscalls:sys_enter_getsid
          capture:
            number: {field: pid, type: u32}
            again: {field: pid, type: u64}
        done: {probe: "tracepoint:syscalls:sys_enter_getpgid"}
`

// What the kernel does for an open statement is in the record of that, with the innermost first.
func TestKernelTellsItsWorkInsideOfWhatIsOpen(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, withHeld, probes.Config{})
	f.do(start, "step_start 7", "ask 40 1")
	time.Sleep(20 * time.Millisecond)
	check := func(when string, r *bridge.Record) {
		t.Helper()
		if len(r.Entries) != 2 {
			t.Fatalf("%s: entries %+v", when, r.Entries)
		}
		held, step := r.Entries[0], r.Entries[1]
		if o.session.Operation(held.Op).Name != "held" || held.Depth != 2 || held.Value != 40 || held.More[0] != 40 || held.StartNs < step.StartNs ||
			held.Flags != bridge.FlagUnfinished || held.StartNs+held.DurationNs != r.EndNs {
			t.Errorf("%s: entry %+v in a record of %d to %d", when, held, r.StartNs, r.EndNs)
		}
		if o.session.Operation(step.Op).Name != "step" || step.Depth != 1 || step.Flags != bridge.FlagUnfinished {
			t.Errorf("%s: entry %+v", when, step)
		}
	}
	n := 0
	if err := o.session.Open(0, func(r *bridge.Record) { n++; check("while it runs", r) }); err != nil || n != 1 {
		t.Fatalf("%d records, %v", n, err)
	}
	all := o.drained()
	if len(all) != 1 {
		t.Fatalf("%d records: %+v", len(all), all)
	}
	check("at the end", &all[0].Record)
	if c := o.counts("held"); c.Starts != 1 || c.Open != 1 || c.Unfinished != 0 || c.Inlined != 0 {
		t.Errorf("counts %+v", c)
	}
}
