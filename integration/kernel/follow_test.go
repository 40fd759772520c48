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

// check holds an operation's counts against the expected ones.
func (o *observer) check(name string, want bridge.OpCounts) {
	o.t.Helper()
	got := o.counts(name)
	got.Op = 0
	if diff := cmp.Diff(want, got); diff != "" {
		o.t.Errorf("counts of %s (-want +got):\n%s", name, diff)
	}
}

func TestKernelTakesAnEndWithoutAStartForWhatFollows(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{})
	f.do("attributes 1 0 traceparent s:"+traceparent, alice, "command 22", "command 3", "note 5 s:first",
		"session 42 s:alice 1064 s:FAIL", "end",
		"session 42 s:bob 0 s:SELECT_2", "spin 200000", "end",
		"note 9 s:third", "end")
	all := o.records()
	if len(all) != 3 {
		t.Fatalf("got %d records", len(all))
	}
	var got []string
	for _, r := range all {
		got = append(got, fmt.Sprintf("%s by %s, opened by %s, command %d after %d, context %v, first %d, remark %q, error %d %q, flags %#x",
			r.texts["text"], r.texts["user"], r.texts["opened_by"], r.Command, r.Before, r.texts["context"] == traceparent,
			r.values["first"], r.texts["remark"], r.values["error"], r.texts["message"], r.Flags))
	}
	want := []string{
		`FAIL by alice, opened by alice, command 3 after 22, context true, first 5, remark "first", error 1064 "what went wrong", flags 0x21`,
		`SELECT_2 by bob, opened by alice, command 3 after 3, context true, first 0, remark "", error 0 "", flags 0x20`,
		`SELECT_2 by bob, opened by alice, command 3 after 3, context true, first 9, remark "third", error 0 "", flags 0x20`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	for i, r := range all[1:] {
		before := all[i]
		if r.StartNs < before.EndNs || r.StartNs > r.EndNs || r.Seq != before.Seq+1 || r.ParentSeq != 0 {
			t.Errorf("record %d from %d to %d, number %d in %d, follows one that ended at %d, number %d",
				i+1, r.StartNs, r.EndNs, r.Seq, r.ParentSeq, before.EndNs, before.Seq)
		}
	}
	if d := all[1].EndNs - all[1].StartNs; d < 200_000 {
		t.Errorf("the second lasted %d ns", d)
	}
	o.check("query", bridge.OpCounts{Starts: 3, Dones: 3, Paired: 3, Submitted: 3, Notes: 2})
}

func TestKernelCountsNothingOfWhatDidNotFollow(t *testing.T) {
	t.Parallel()
	path := compileFixture(t, "probes.c")
	pair := []string{alice, "command 3", "end"}
	one := bridge.OpCounts{Starts: 1, Dones: 1, Paired: 1, Submitted: 1}
	two := bridge.OpCounts{Starts: 2, Dones: 2, Paired: 2, Submitted: 2}
	unwanted := one
	unwanted.Unwanted = 2
	alone := one
	alone.Dones, alone.NoStart = 2, 1
	for _, test := range []struct {
		name     string
		commands []string
		want     bridge.OpCounts
		records  []string
	}{
		{"nothing comes", nil, one, []string{"query 3"}},
		{"the thread's program ends", []string{"exec"}, one, []string{"query 3"}},
		{"the same command comes", []string{"command 3", "end"}, two, []string{"query 3", "query 3"}},
		{"another command comes", []string{"command 23", "end"}, two, []string{"query 3", "query 23"}},
		{"a command comes that opens nothing", []string{"command 22", "end", "end"}, unwanted, []string{"query 3"}},
		{"something inside comes, then a command", []string{"step_start 1", "step_done 0", "step_start 2", "command 3", "end"}, two,
			[]string{"query 3", "query 3"}},
		{"another operation comes, then a command", []string{"enter 1 null 0", "command 3", "end"}, two,
			[]string{"query 3", "call 255", "query 3"}},
		{"an end is alone after another program", []string{"exec", alice, "end"}, alone, []string{"query 3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := startFixture(t, path)
			o := observe(t, f, sessionPaths, probes.Config{})
			f.do(pair...)
			f.do(test.commands...)
			var got []string
			for _, r := range o.records() {
				command := r.Command
				if r.op == "call" {
					command = bridge.NoCommand // it is the thread's
				}
				got = append(got, fmt.Sprintf("%s %d", r.op, command))
				if len(r.Entries) != 0 {
					t.Errorf("entries %+v", r.Entries)
				}
			}
			if diff := cmp.Diff(test.records, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			o.check("query", test.want)
		})
	}
}

const announcing = `        start:
          - {probe: "usdt:exe:fixture:announce", announces: true}
          - probe: usdt:exe:fixture:command__start
            when: {arg: 2, type: u32, in: [3, 23]}
            args: {session: 0}
            capture:
              command: {arg: 2, type: u32}
              handle: {arg: 0, type: u64}
              context: {arg: 1, type: traceparent}
              opened_by: {path: user, type: string, max: 32}
`

const announced = `        start:
          probe: usdt:exe:fixture:command__start
          when: {arg: 2, type: u32, in: [3, 23]}
          args: {session: 0}
          capture:
            command: {arg: 2, type: u32}
            handle: {arg: 0, type: u64}
            context: {arg: 1, type: traceparent}
            opened_by: {path: user, type: string, max: 32}
`

func TestKernelBeginsWhereAnOperationIsAnnounced(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{}, announced, announcing)
	f.do(alice, "announce", "note 1 s:early", "spin 300000", "step_start 8", "step_done 0",
		"attributes 1 0 traceparent s:"+traceparent, "command 3", "note 2 s:late", "announce", "end")
	r := o.one()
	if d := r.EndNs - r.StartNs; d < 300_000 {
		t.Errorf("it lasted %d ns, from the command only", d)
	}
	if r.values["first"] != 2 || r.texts["remark"] != "late" || r.texts["context"] != traceparent || r.texts["opened_by"] != "alice" {
		t.Errorf("got %v %v", r.values, r.texts)
	}
	if len(r.Entries) != 1 || r.Entries[0].Value != 8 {
		t.Errorf("entries %+v", r.Entries)
	}

	// Nothing of one operation is another's.
	f.do("attributes 0 0 x s:x", "session 1 null 0 s:", "announce", "command 23", "end")
	if r = o.one(); r.texts["context"] != "" || r.texts["opened_by"] != "" || r.values["first"] != 0 || r.values["command"] != 23 ||
		r.Before != 3 || len(r.Entries) != 0 {
		t.Errorf("got %v %v after %d, entries %v", r.values, r.texts, r.Before, r.Entries)
	}
	o.check("query", bridge.OpCounts{Starts: 2, Dones: 2, Paired: 2, Submitted: 2, Notes: 2})
}

func TestKernelCountsNothingOfWhatWasOnlyAnnounced(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{}, announced, announcing)
	f.do(alice, "announce", "command 22", "end",
		"announce", "announce", "command 3", "end", // one
		"announce", "end", // what follows it
		"announce")
	if n := len(o.records()); n != 2 {
		t.Errorf("got %d records", n)
	}
	o.check("query", bridge.OpCounts{Starts: 2, Dones: 2, Paired: 2, Submitted: 2, Unwanted: 1})
}

func TestKernelCountsEndsOfWhatItDidNotOpenAsUnwanted(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{})
	f.do(alice, "command 22", "note 1 s:x", "end", "end", "command 99", "end", "command 3", "end")
	if r := o.one(); r.Command != 3 || r.Before != 64 {
		t.Errorf("command %d after %d", r.Command, r.Before)
	}
	o.check("query", bridge.OpCounts{Starts: 1, Dones: 1, Paired: 1, Submitted: 1, Unwanted: 3})
}
