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

// apartProfile has transactions that begin and end at phases, and that have a span
// where a call of enter has told so.
func apartProfile(t *testing.T) string {
	t.Helper()
	const phases = `  phase:
    tiers:
      - tier: usdt
        start: {probe: "usdt:exe:fixture:phase__start"}
        done: {probe: "usdt:exe:fixture:phase__done"}
`
	return variant(t, phases, `  transaction:
    apart: true
    only: explicit
    metric: fixture.transaction.duration
    by: [outcome]
    tiers:
      - tier: usdt
        start: {probe: "usdt:exe:fixture:phase__start"}
        note: {probe: "uprobe:exe:enter", capture: {explicit: {arg: 0, type: u8}}}
        done:
          - {probe: "usdt:exe:fixture:phase__done", capture: {outcome: {constant: 1, type: u8}}}
          - probe: uprobe:exe:leave
            capture:
              outcome: {constant: 2, type: u8}
              error: {arg: 0, type: u32}
              user: {variable: current_user, type: string}
`)
}

const (
	beginApart = "phase_start"
	explicit   = "enter 1 null 0"
	endApart   = "phase_done"
)

func TestKernelKeepsWhatIsApartOffTheStack(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, apartProfile(t), probes.Config{})
	f.do(start, beginApart, explicit, "step_start 1", "step_done 0", done, // begins in one,
		"start s:middle 6 2 s:db s:user 0", "step_start 2", "step_done 0", done, "spin 300000",
		"start s:last 4 3 s:db s:user 0", "step_start 3", endApart, "step_done 0", done, // and ends in another
		start, done)
	all := o.records()
	var got []string
	for _, r := range all {
		got = append(got, fmt.Sprintf("%s %q with %v, number %d in %d, apart %d", r.op, r.texts["text"], r.entryValues(), r.Seq, r.ParentSeq, r.Apart))
	}
	want := []string{
		`query "a" with [1], number 1 in 0, apart 2`, `query "middle" with [2], number 3 in 0, apart 2`,
		`transaction "" with [], number 2 in 4, apart 0`, `query "last" with [3], number 4 in 0, apart 0`,
		`query "a" with [], number 5 in 0, apart 0`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
	one := all[2]
	if one.StartNs < all[0].StartNs || one.StartNs > all[0].EndNs || one.EndNs < all[3].StartNs || one.EndNs > all[3].EndNs {
		t.Errorf("it lasts from %d to %d", one.StartNs, one.EndNs)
	}
	within := one.EndNs - all[3].StartNs + all[1].EndNs - all[1].StartNs + all[0].EndNs - one.StartNs
	if one.RestCount[0] != 3 || one.RestNs[0] != within || one.EndNs-one.StartNs < within+300_000 {
		t.Errorf("%d statements took %d of %d ns, want 3 and %d", one.RestCount[0], one.RestNs[0], one.EndNs-one.StartNs, within)
	}
	o.check("transaction", bridge.OpCounts{Starts: 1, Dones: 1, Paired: 1, Submitted: 1, Notes: 1})
	o.check("query", bridge.OpCounts{Starts: 4, Dones: 4, Paired: 4, Submitted: 4})
}

func TestKernelTellsOfWhatIsApartOnlyWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, apartProfile(t), probes.Config{})
	f.do(endApart, "enter 1 null 0", // of nothing
		beginApart, endApart, beginApart, beginApart, explicit, "leave 7", beginApart, "leave 8")
	r := o.one()
	if r.values["outcome"] != 2 || r.values["error"] != 7 || r.texts["user"] != "root" || r.Flags != bridge.FlagFailed || r.ParentSeq != 0 || r.RestCount[0] != 0 {
		t.Errorf("record %+v", r)
	}
	o.check("transaction", bridge.OpCounts{Starts: 4, Dones: 4, Paired: 3, NoStart: 1, Replaced: 1, Filtered: 2, Submitted: 1, Notes: 1})
	points, err := o.session.Histograms()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	for _, p := range points {
		if o.session.Operation(p.Op).Name == "transaction" {
			got[fmt.Sprintf("outcome %s, failed %v with %d", p.Namespace, p.Failed, p.Status)] += p.Count
		}
	}
	want := map[string]uint64{"outcome 1, failed false with 0": 1, "outcome 2, failed true with 7": 1, "outcome 2, failed true with 8": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestKernelTellsWhatIsApartAndOpen(t *testing.T) {
	t.Parallel()
	path := compileFixture(t, "probes.c")
	t.Run("at the end", func(t *testing.T) {
		f := startFixture(t, path)
		o := observe(t, f, apartProfile(t), probes.Config{})
		f.do(beginApart, explicit, start, done, open)
		time.Sleep(20 * time.Millisecond)
		if c := o.counts("transaction"); c.Open != 1 {
			t.Errorf("counts %+v", c)
		}
		o.records()
		all := o.drained()
		if len(all) != 2 || all[1].op != "transaction" || all[1].Flags != bridge.FlagUnfinished || all[1].ParentSeq != 0 || all[1].RestCount[0] != 2 ||
			int(all[1].TGID) != f.cmd.Process.Pid || time.Duration(all[1].EndNs-all[1].StartNs) < 20*time.Millisecond {
			t.Errorf("records %+v", all)
		}
	})
	t.Run("when its thread ends", func(t *testing.T) {
		f := startFixture(t, path)
		o := observe(t, f, apartProfile(t), probes.Config{})
		f.do(beginApart, explicit)
		f.stop()
		if r := o.one(); r.op != "transaction" || r.Flags != bridge.FlagUnfinished|bridge.FlagFailed {
			t.Errorf("record %+v", r)
		}
		o.check("transaction", bridge.OpCounts{Starts: 1, Notes: 1, Abandoned: 1, Unfinished: 1})
	})
	t.Run("and not to be told", func(t *testing.T) {
		f := startFixture(t, path)
		o := observe(t, f, apartProfile(t), probes.Config{})
		f.do(beginApart)
		if all := o.drained(); len(all) != 0 {
			t.Errorf("records %+v", all)
		}
	})
}
