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

func TestKernelCapturesAtNotesIntoTheOpenOperation(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{})
	f.do(alice, "note 1 s:before", "command 3", "note 0 s:a", "note 4 s:middle_one", "note 6 s:short", "end")
	r := o.one()
	want := map[string]int64{"command": 3, "id": 42, "saved": 42, "ok": 1, "letter": 'o', "first": 4, "latest": 6, "hit": 7}
	delete(r.values, "handle")
	if diff := cmp.Diff(want, present(r.values)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if r.texts["remark"] != "short" || r.texts["text"] != "SELECT_1" {
		t.Errorf("texts %v", r.texts)
	}
	o.check("query", bridge.OpCounts{Starts: 1, Dones: 1, Paired: 1, Submitted: 1, Notes: 3})
}

// A note can be hit any number of times: its strings take the room of one another,
// and what finds none is marked, never at the cost of the text.
func TestKernelKeepsTheTextWhateverNotesCapture(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{})
	text := letters(3000)
	for _, test := range []struct {
		name   string
		length func(i int) int
		remark string
		fault  bool
	}{
		{"as long as each other", func(int) int { return 180 }, letters(180), false},
		{"longer and longer", func(i int) int { return 100 + i/2 }, "", true},
		{"shorter and shorter", func(i int) int { return 199 - i }, letters(0), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.do("session 42 s:alice 1064 s:"+text, "command 3")
			for i := range 200 {
				f.do(fmt.Sprintf("note %d s:%s", i, letters(test.length(i))))
			}
			f.do("end")
			r := o.one()
			if r.texts["text"] != text || r.Flags&bridge.FlagTextFault != 0 || r.TextLength != 3000 {
				t.Errorf("the text has %d bytes, flags %#x", len(r.texts["text"]), r.Flags)
			}
			if r.Flags&bridge.FlagFault != 0 != test.fault || !test.fault && r.texts["remark"] != test.remark {
				t.Errorf("flags %#x, remark %q", r.Flags, r.texts["remark"])
			}
			if r.texts["opened_by"] != "alice" || !test.fault && (r.texts["user"] != "alice" || r.texts["message"] != "what went wrong") {
				t.Errorf("texts %v", r.texts)
			}
		})
	}
}

func TestKernelCapturesATextAtANote(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{}, "            text: {path: text, type: sql, length: {path: length}}\n", "",
		"            remark: {arg: 2, type: string, max: 200}\n", "            text: {arg: 2, type: sql}\n")
	f.do(alice, "command 3", "note 1 s:UPDATE_t", "note 2 s:DELETE", "end")
	if r := o.one(); r.texts["text"] != "UPDATE_t" || r.texts["user"] != "alice" || r.TextLength != 8 {
		t.Errorf("the first text of an operation is its text, got %v", r.texts)
	}
	f.do("note 3 s:INSERT", "end", "end")
	all := o.records()
	if len(all) != 2 || all[0].texts["text"] != "INSERT" || all[1].texts["text"] != "" || all[1].Flags&bridge.FlagHasText != 0 {
		t.Errorf("what follows has a text of its own, got %+v", all)
	}
}

func TestKernelEndsAnOperationAfterItsLastNote(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{}, "        done:\n          probe: usdt:exe:fixture:command__end\n",
		"          - {probe: \"usdt:exe:fixture:last\", last: true}\n        done:\n          probe: usdt:exe:fixture:command__end\n          after_note: true\n",
		`          probe: usdt:exe:fixture:note
          capture:
            first: {arg: 1, type: u64, first: true}
            latest: {arg: 1, type: u64}
            hit: {constant: 7, type: u8}
            remark: {arg: 2, type: string, max: 200}
`, `          - probe: usdt:exe:fixture:note
            capture: {first: {arg: 1, type: u64, first: true}}
`)
	f.do(alice, "last", "command 3", "end", "note 1 s:x", "end", "last", "end", // one
		"end",         // something else's
		"last", "end", // what follows
		"command 22", "last", "end")
	if all := o.records(); len(all) != 2 || all[0].values["first"] != 1 || all[1].values["first"] != 0 {
		t.Errorf("got %+v", all)
	}
	o.check("query", bridge.OpCounts{Starts: 2, Dones: 2, Paired: 2, Submitted: 2, Notes: 3, Unwanted: 4})
}

const shieldsProfile = `
  routine:
    parent: query
    shields: true
    tiers: [{tier: usdt, start: {probe: "usdt:exe:fixture:phase__start"}, done: {probe: "usdt:exe:fixture:phase__done"}}]
`

func TestKernelEndsNothingThroughAShield(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{}, "  step:\n", shieldsProfile[1:]+"  step:\n")
	f.do(alice, "command 3", "phase_start", "end", "note 1 s:inside", "step_start 1", "step_done 0", "end", "phase_done", "end")
	r := o.one()
	var got []string
	for _, e := range r.Entries {
		got = append(got, fmt.Sprintf("%s at %d", o.session.Operation(e.Op).Name, e.Depth))
	}
	if diff := cmp.Diff([]string{"step at 2", "routine at 1"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if r.values["first"] != 0 {
		t.Error("a note was captured through the shield")
	}
	o.check("query", bridge.OpCounts{Starts: 1, Dones: 1, Paired: 1, Submitted: 1, Unwanted: 2})
	o.check("routine", bridge.OpCounts{Starts: 1, Dones: 1, Paired: 1, Inlined: 1})
}
