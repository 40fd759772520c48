// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

const queryNote = `        note:
          probe: usdt:exe:fixture:note
          capture:
            first: {arg: 1, type: u64, first: true}
            latest: {arg: 1, type: u64}
            hit: {constant: 7, type: u8}
            remark: {arg: 2, type: string, max: 200}
`

const stepEnd = `        done: {probe: "usdt:exe:fixture:step__done"}
`

// stepNotes tell of steps of the values 7 and 9. The slots are those of value,
// first, sole, same and ready.
const stepNotes = `        note:
          - probe: usdt:exe:fixture:note
            of: [7, 9]
            args: {session: 0}
            capture:
              first: {arg: 1, type: u64, first: true}
              sole: {arg: 1, type: u64, sole: true}
              same: {path: id, type: u64, same: length}
              name: {arg: 2, type: string}
              earliest: {arg: 2, type: string, first: true}
              key: {arg: 2, type: mdl_key, if: ready}
          - probe: usdt:exe:fixture:last
            of: [7, 9]
            announces: true
            capture: {ready: {constant: 1, type: u8}}
`

const eight = "session 8 s:alice 0 s:SELECT_1" // its id is the length of its text

func watchDetails(t *testing.T, replace ...string) (*fixture, *observer) {
	t.Helper()
	replace = append([]string{queryNote, "", stepEnd, stepNotes + stepEnd}, replace...)
	return watchSession(t, probes.Config{}, replace...)
}

// step is what became known of a step.
type step struct {
	Value, First, Sole, Same uint64
	Name, Earliest           string
	Key                      int // bytes
}

func stepsOf(r *bridge.Record) (all []step) {
	for _, e := range r.Entries {
		s := step{Value: e.Value}
		for _, d := range r.Details {
			if d.StartNs == e.StartNs {
				s.First, s.Sole, s.Same = d.Values[1], d.Values[2], d.Values[3]
				s.Name, s.Earliest, s.Key = string(d.Names[0]), string(d.Names[1]), len(d.Names[2])
			}
		}
		all = append(all, s)
	}
	return all
}

func TestKernelTellsOfAnInnerOperationWhatNotesCaptured(t *testing.T) {
	t.Parallel()
	const several = math.MaxUint64
	f, o := watchDetails(t)
	for _, test := range []struct {
		name     string
		commands []string
		want     []step
	}{
		{"before it began", []string{"note 5 s:before", "step_start 7", "step_done 0"},
			[]step{{7, 5, 5, 1, "before", "before", 0}}},
		{"while it went on", []string{"step_start 9", "note 5 s:within", "step_done 0"},
			[]step{{9, 5, 5, 1, "within", "within", 0}}},
		{"several times", []string{"note 5 s:a", "note 5 s:bb", "step_start 7", "note 6 s:ccc", "step_done 0"},
			[]step{{7, 5, several, 1, "ccc", "a", 0}}},
		{"of another one", []string{"note 5 s:a", "step_start 8", "step_done 0", "step_start 7", "step_done 0"},
			[]step{{8, 0, 0, 0, "", "", 0}, {7, 5, 5, 1, "a", "a", 0}}},
		{"of the one before only", []string{"note 5 s:a", "step_start 7", "step_done 0", "step_start 7", "step_done 0"},
			[]step{{7, 5, 5, 1, "a", "a", 0}, {7, 0, 0, 0, "", "", 0}}},
		{"and began anew", []string{"note 5 s:a", "last", "note 6 s:b", "step_start 7", "step_done 0"},
			[]step{{7, 6, 6, 1, "b", "b", 160}}},
		{"what cannot be read", []string{"note 5 null", "step_start 7", "note 5 s:a", "step_done 0"},
			[]step{{7, 5, 5, 1, "a", "a", 0}}},
		{"names that are too long", []string{"last", "note 5 s:" + letters(190), "step_start 7", "step_done 0"},
			[]step{{7, 5, 5, 1, letters(159), letters(159), 0}}}, // and no room for the key
	} {
		t.Run(test.name, func(t *testing.T) {
			f.do(append(append([]string{eight, "command 3"}, test.commands...), "end")...)
			r := o.one()
			if diff := cmp.Diff(test.want, stepsOf(&r.Record)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if r.texts["text"] != "SELECT_1" || r.Flags&bridge.FlagFault != 0 {
				t.Errorf("text %q, flags %#x", r.texts["text"], r.Flags)
			}
		})
	}
}

func TestKernelComparesWhatTwoPathsLeadTo(t *testing.T) {
	t.Parallel()
	f, o := watchDetails(t)
	f.do(alice, "command 3", "note 5 s:a", "step_start 7", "step_done 0", "end")
	r := o.one()
	if got := stepsOf(&r.Record); len(got) != 1 || got[0].Same != 0 || got[0].First != 5 {
		t.Errorf("steps %+v", got)
	}
}

// The last four steps of a record have details.
func TestKernelKeepsTheLastDetails(t *testing.T) {
	t.Parallel()
	f, o := watchDetails(t)
	f.do(eight, "command 3")
	for i := range 6 {
		f.do(fmt.Sprintf("note %d s:a", 10+i), "step_start 7", "step_done 0")
	}
	f.do("end")
	r := o.one()
	var got []uint64
	for _, s := range stepsOf(&r.Record) {
		got = append(got, s.First)
	}
	if diff := cmp.Diff([]uint64{0, 0, 12, 13, 14, 15}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is told in one statement is not of the next, and outside of statements
// nothing is.
func TestKernelForgetsDetailsWithTheirStatement(t *testing.T) {
	t.Parallel()
	f, o := watchDetails(t)
	f.do(eight, "note 4 s:outside", "command 3", "note 5 s:a", "end", "command 3", "step_start 7", "step_done 0", "end",
		"command 3", "end")
	all := o.records()
	if len(all) != 3 || len(all[0].Details) != 0 || len(all[1].Details) != 0 || len(all[2].Details) != 0 {
		t.Errorf("%d records: %+v", len(all), all)
	}
	if c := o.counts("step"); c.Notes != 1 || c.Starts != 1 || c.Outside != 0 {
		t.Errorf("counts %+v", c)
	}
}

func TestKernelJoinsPartsToTheFirstOnesDetails(t *testing.T) {
	t.Parallel()
	f, o := watchDetails(t, "  step:\n    parent: query\n", "  step:\n    parent: query\n    joins: [7]\n")
	for range 20 {
		f.do(eight, "command 3", "note 5 s:a", "parts 1 7", "note 6 s:b", "parts 2 7", "end")
		r := o.one()
		got := stepsOf(&r.Record)
		if len(got) == 1 {
			if got[0].First != 5 || got[0].Name != "a" {
				t.Errorf("steps %+v", got)
			}
			return
		}
	}
	t.Error("the parts were never joined")
}
