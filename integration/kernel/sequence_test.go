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

const sequenceProfile = `  stage:
    parent: query
    sequence: true
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:stage
          capture: {stage: {arg: 0, type: u32}}
        done: {probe: "usdt:exe:fixture:stage__end"}
`

func watchStages(t *testing.T) (*fixture, *observer) {
	t.Helper()
	return watchSession(t, probes.Config{}, "  step:\n", sequenceProfile+"  step:\n")
}

// values lists what the entries of a record carry.
func (r *record) entryValues() (values []uint64) {
	for _, e := range r.Entries {
		values = append(values, e.Value)
	}
	return values
}

func TestKernelEndsEachPartOfASequenceWithTheNext(t *testing.T) {
	t.Parallel()
	f, o := watchStages(t)
	f.do(alice, "stage 9", "stage_end", "command 3", "spin 100000", "stage 1", "spin 100000", "step_start 7", "stage 2", "step_done 0",
		"stage_end", "spin 100000", "stage 3", "stage 3", "end", "stage 4", "end")
	all := o.records()
	if len(all) != 2 {
		t.Fatalf("got %d records", len(all))
	}
	if diff := cmp.Diff([][]uint64{{1, 7, 2, 3, 3}, {4}}, [][]uint64{all[0].entryValues(), all[1].entryValues()}); diff != "" {
		t.Fatalf("entries (-want +got):\n%s", diff)
	}
	first, second, last := all[0].Entries[0], all[0].Entries[2], all[0].Entries[4]
	if first.DurationNs < 100_000 || first.StartNs < all[0].StartNs+100_000 || first.StartNs+first.DurationNs != second.StartNs {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if third := all[0].Entries[3]; third.StartNs < second.StartNs+second.DurationNs+100_000 {
		t.Errorf("an end ends it too: %+v, then %+v", second, third)
	}
	if last.StartNs+last.DurationNs != all[0].EndNs || last.Depth != 1 {
		t.Errorf("the last one ends with the operation, at %d: %+v", all[0].EndNs, last)
	}
	if all[1].Seq != all[0].Seq+1 {
		t.Errorf("inner operations have taken numbers: %d, then %d", all[0].Seq, all[1].Seq)
	}
	o.check("stage", bridge.OpCounts{Starts: 5, Dones: 5, Paired: 5, Inlined: 5, Outside: 2})
	o.check("step", bridge.OpCounts{Starts: 1, Dones: 1, Paired: 1, Inlined: 1})
}

func TestKernelSumsThePartsOfASequenceThatFindNoRoom(t *testing.T) {
	t.Parallel()
	f, o := watchStages(t)
	f.do(alice, "command 3")
	for i := range 100 {
		f.do(fmt.Sprintf("stage %d", i))
	}
	f.do("end", "stage 5", "end")
	all := o.records()
	if len(all) != 2 {
		t.Fatalf("got %d records", len(all))
	}
	omitted := 100 - bridge.MaxEntries
	if n := len(all[0].Entries); n != bridge.MaxEntries || all[0].RestCount[0] != uint32(omitted) || all[0].RestNs[0] == 0 {
		t.Errorf("%d entries, rest %v", n, all[0].RestCount)
	}
	if len(all[1].Entries) != 1 || all[1].RestCount[0] != 0 || all[1].RestNs[0] != 0 {
		t.Errorf("what follows: entries %v, rest %v of %v ns", all[1].Entries, all[1].RestCount, all[1].RestNs)
	}
	o.check("stage", bridge.OpCounts{Starts: 101, Dones: 101, Paired: 101, Inlined: 101})
}

func TestKernelAccountsForPartsThatAreNotSeenToEnd(t *testing.T) {
	t.Parallel()
	f, o := watchStages(t)
	f.do(alice, "command 3", "stage 1", "command 3", "stage 2", "end", // the first command has no end
		"stage 3", "command 3", "end", // nothing followed
		"command 3", "stage 4", "exec")
	all := o.records()
	if len(all) != 3 {
		t.Fatalf("got %d records", len(all))
	}
	if diff := cmp.Diff([][]uint64{{2}, nil, {4}}, [][]uint64{all[0].entryValues(), all[1].entryValues(), all[2].entryValues()}); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	o.check("stage", bridge.OpCounts{Starts: 4, Dones: 1, Paired: 1, Inlined: 1, Replaced: 2, Abandoned: 1})
	o.check("query", bridge.OpCounts{Starts: 4, Dones: 2, Paired: 2, Submitted: 2, Replaced: 1, Abandoned: 1, Unfinished: 1})
	f.do(alice, "command 3", "stage 5")
	if c := o.counts("stage"); c.Open != 1 {
		t.Errorf("counts %+v, want 1 open", c)
	}
}

func TestKernelKeepsSequencesOfNestedOperationsApart(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{}, "  step:\n", sequenceProfile+"  step:\n",
		"  call:\n", "  inside:\n    tiers: [{tier: usdt, start: {probe: \"usdt:exe:fixture:phase__start\"}, done: {probe: \"usdt:exe:fixture:phase__done\"}}]\n  call:\n")
	f.do(alice, "command 3", "stage 1", "phase_start", "stage 2", "phase_done", "stage 3", "end")
	all := o.records()
	if len(all) != 2 {
		t.Fatalf("got %d records", len(all))
	}
	if diff := cmp.Diff([][]uint64{{2}, {1, 3}}, [][]uint64{all[0].entryValues(), all[1].entryValues()}); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	o.check("stage", bridge.OpCounts{Starts: 3, Dones: 3, Paired: 3, Inlined: 3})
}
