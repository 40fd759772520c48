// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

const fixtureProfile = `
profile: fixture
match: {executables: [fixture]}
system: mysql
dialect: mysql
operations:
  query:
    recursive: true
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:query__start
          capture:
            text: {arg: 0, type: sql, length: {arg: 1}}
            connection: {arg: 2, type: u64}
            namespace: {arg: 3, type: string}
            user: {arg: 4, type: string}
            start_ns: {arg: 5, type: u64}
        done:
          probe: usdt:exe:fixture:query__done
          capture:
            status: {arg: 0, type: i32}
            error: {arg: 1, type: u32}
  step:
    parent: query
    recursive: true
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:step__start
          capture: {value: {arg: 0, type: u64}}
        done:
          probe: usdt:exe:fixture:step__done
          capture: {status: {arg: 0, type: i32}}
  phase:
    tiers:
      - tier: usdt
        start: {probe: "usdt:exe:fixture:phase__start"}
        done: {probe: "usdt:exe:fixture:phase__done"}
  tick:
    counter: fixture.ticks
    tiers:
      - tier: usdt
        point: {probe: "usdt:exe:fixture:point", when: {arg: 0, type: i32, in: [3, 5]}}
`

// variant changes the profile, where each pair of texts is old and new.
func variant(t testing.TB, replace ...string) string {
	t.Helper()
	p := fixtureProfile
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(p, replace[i]) {
			t.Fatalf("the profile has no %q", replace[i])
		}
		p = strings.Replace(p, replace[i], replace[i+1], 1)
	}
	return p
}

const (
	done       = "done 0 0 null 0"
	notRecurse = "    recursive: true\n    tiers:\n      - tier: usdt\n        start:\n          probe: usdt:exe:fixture:query__start"
	once       = "    tiers:\n      - tier: usdt\n        start:\n          probe: usdt:exe:fixture:query__start"
	knownText  = "text: {arg: 0, type: sql, length: {arg: 1}}"
	endedText  = "text: {arg: 0, type: sql}"
)

func TestKernelPairsStartAndDone(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	f.do("start s:SELECT_1 8 42 s:shop s:alice 0", "spin 200000", "done 1 1064 null 0")
	r := o.one()
	want := map[string]int64{"connection": 42, "start_ns": 0, "status": 1, "error": 1064}
	if diff := cmp.Diff(want, r.values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	texts := map[string]string{"text": "SELECT_1", "tail": "", "namespace": "shop", "user": "alice"}
	if diff := cmp.Diff(texts, r.texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	if want := bridge.FlagFailed | bridge.FlagHasText; r.Flags != want {
		t.Errorf("flags %#x, want %#x", r.Flags, want)
	}
	if d := time.Duration(r.EndNs - r.StartNs); d < 200*time.Microsecond || d > time.Second {
		t.Errorf("it lasted %v", d)
	}
	if int(r.TGID) != f.cmd.Process.Pid || r.TID != r.TGID || r.ParentSeq != 0 || r.TextLength != 8 {
		t.Errorf("record %+v", r.Record)
	}
	h := o.histograms("query")
	if len(h) != 1 || h[0].Count != 1 || h[0].Namespace != "shop" || h[0].Status != 1064 || !h[0].Failed ||
		h[0].SumNs != r.EndNs-r.StartNs || h[0].Buckets[bridge.BucketOf(h[0].SumNs)] != 1 {
		t.Errorf("histograms %+v", h)
	}
}

func TestKernelKeepsNestedOperationsApart(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	overflow := uint64(0)
	for depth := 1; depth <= 20; depth++ {
		f.do(fmt.Sprintf("nest %d", depth), fmt.Sprintf("nest %d", depth))
		all, kept := o.records(), min(depth, 16)
		overflow += uint64(2 * (depth - kept))
		if len(all) != 2*kept {
			t.Fatalf("%d deep: got %d records, want %d", depth, len(all), 2*kept)
		}
		seq := make(map[int64]uint32) // by level, of the second run
		for _, r := range all[kept:] {
			seq[r.values["connection"]] = r.Seq
		}
		for i, r := range all {
			level := int64(kept - i%kept)
			text, hasText := fmt.Sprintf("level %d", level), level <= 4
			if r.values["connection"] != level || hasText != (r.texts["text"] == text) ||
				hasText == (r.Flags&bridge.FlagNoText != 0) {
				t.Errorf("%d deep, record %d: connection %d, text %q, flags %#x", depth, i,
					r.values["connection"], r.texts["text"], r.Flags)
			}
			if i >= kept && level > 1 && r.ParentSeq != seq[level-1] {
				t.Errorf("%d deep: parent of level %d is %d, want %d", depth, level, r.ParentSeq, seq[level-1])
			}
		}
	}
	if c := o.counts("query"); c.Overflow != overflow || c.NoStart != overflow || c.Replaced != 0 || c.Open != 0 {
		t.Errorf("counts %+v, want overflow and no start %d", c, overflow)
	}
}

func TestKernelCountsWhatDoesNotPair(t *testing.T) {
	t.Parallel()
	path := compileFixture(t, "probes.c")

	tests := []struct {
		name     string
		profile  string
		commands []string
		records  int
		want     bridge.OpCounts
	}{
		{"a start twice replaces the first", variant(t, notRecurse, once), []string{start, start, done}, 1,
			bridge.OpCounts{Starts: 2, Dones: 1, Paired: 1, Replaced: 1, Submitted: 1}},
		{"a done alone has no start", fixtureProfile, []string{done, start, done, done}, 1,
			bridge.OpCounts{Starts: 1, Dones: 3, Paired: 1, NoStart: 2, Submitted: 1}},
		{"a thread takes its operations with it", fixtureProfile, []string{"thread", start, done}, 2,
			bridge.OpCounts{Starts: 2, Dones: 1, Paired: 1, Abandoned: 1, Unfinished: 1, Submitted: 1}},
		{"an operation is open", fixtureProfile, []string{start, start}, 0,
			bridge.OpCounts{Starts: 2, Open: 2}},
		{"a child ends nothing of its parent", fixtureProfile, []string{start, "fork", done}, 2,
			bridge.OpCounts{Starts: 2, Dones: 3, Paired: 2, NoStart: 1, Submitted: 2}},
		{"another program ends nothing of the one before", fixtureProfile, []string{start, start, "exec", done, start, done}, 3,
			bridge.OpCounts{Starts: 3, Dones: 2, Paired: 1, NoStart: 1, Abandoned: 2, Unfinished: 2, Submitted: 1}},
		{"an operation ends what is open inside it", fixtureProfile, []string{start, "phase_start", "step_start 1", done, start, "step_start 2", "step_done 0", done}, 2,
			bridge.OpCounts{Starts: 2, Dones: 2, Paired: 2, Submitted: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := startFixture(t, path)
			o := observe(t, f, test.profile, probes.Config{})
			f.do(test.commands...)
			if got := len(o.records()); got != test.records {
				t.Errorf("got %d records, want %d", got, test.records)
			}
			got := o.counts("query")
			got.Op = 0
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}
