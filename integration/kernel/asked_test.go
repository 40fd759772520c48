// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

// withRequests adds what a thread asks for inside the query and another one answers: the
// fixture by getsid, the test by getpgid of the same number.
const withRequests = fixtureProfile + `  request:
    parent: query
    metric: fixture.request.duration
    attributes: {fixture.twice: again, fixture.five: five}
    tiers:
      - tier: kernel
        start:
          probe: tracepoint:syscalls:sys_enter_getsid
          key: [pid]
          capture:
            number: {field: pid, type: u32}
            again: {field: pid, type: u64}
            five: {constant: 5, type: u8}
        done:
          probe: tracepoint:syscalls:sys_enter_getpgid
          key: [pid]
          capture: {error: {field: pid, type: u32, bits: [8, 8]}}
`

// answerRequests answers from another process.
func answerRequests(first, n int) {
	for i := range n {
		unix.Getpgid(first + i)
	}
}

// requestsOf renders the requests in a record.
func (o *observer) requestsOf(r *record) string {
	var all []string
	for _, e := range r.Entries {
		if o.session.Operation(e.Op).Name != "request" {
			continue
		}
		if e.StartNs < r.StartNs || e.StartNs+e.DurationNs > r.EndNs || e.More[0] != e.Value || e.More[1] != 5 {
			o.t.Errorf("entry %+v in a record of %d to %d", e, r.StartNs, r.EndNs)
		}
		line := fmt.Sprintf("%d at %d", e.Value, e.Depth)
		if e.Flags&bridge.FlagFailed != 0 {
			line += " failed"
		}
		all = append(all, line)
	}
	return strings.Join(all, ", ")
}

// TestKernelPutsWhatEndsElsewhereIntoTheQueryThatAskedForIt: requests of a thread that are
// answered by another process, in any order, in time or too late.
func TestKernelPutsWhatEndsElsewhereIntoTheQueryThatAskedForIt(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, withRequests, probes.Config{})
	query := func(step ...func()) *record {
		t.Helper()
		f.do(start)
		for _, s := range step {
			s()
		}
		f.do(done)
		r := o.one()
		return &r
	}
	ask := func(first, n int) func() { return func() { f.do(fmt.Sprintf("ask %d %d", first, n)) } }
	answer := func(first, n int) func() { return func() { answerRequests(first, n) } }
	do := func(commands ...string) func() { return func() { f.do(commands...) } }
	for _, test := range []struct {
		name  string
		steps []func()
		want  string
		count bridge.OpCounts // what is added to it
	}{
		{"one after the other", []func(){ask(1, 1), answer(1, 1), ask(2, 1), answer(2, 1)}, "1 at 1, 2 at 1",
			bridge.OpCounts{Starts: 2, Dones: 2, Paired: 2, Inlined: 2}},
		{"at the same time, in another order", []func(){ask(1, 2), answer(2, 1), answer(1, 1)}, "1 at 1, 2 at 1",
			bridge.OpCounts{Starts: 2, Dones: 2, Paired: 2, Inlined: 2}},
		{"in a step", []func(){ask(1, 1), do("step_start 7"), ask(2, 1), do("step_done 0"), answer(1, 2)}, "1 at 1, 2 at 2",
			bridge.OpCounts{Starts: 2, Dones: 2, Paired: 2, Inlined: 2}},
		{"it fails", []func(){ask(256, 1), answer(256, 1)}, "256 at 1 failed", bridge.OpCounts{Starts: 1, Dones: 1, Paired: 1, Inlined: 1}},
		{"never", []func(){ask(3, 1)}, "", bridge.OpCounts{Starts: 1, Replaced: 1}},
		{"too late, by what was asked in the query before", []func(){answer(3, 1)}, "", bridge.OpCounts{}},
		{"of the same number as one that was never answered", []func(){ask(4, 1), ask(4, 1), answer(4, 1)}, "4 at 1",
			bridge.OpCounts{Starts: 2, Replaced: 1, Dones: 1, Paired: 1, Inlined: 1}},
		{"more than a thread has places for", []func(){ask(10, 20), answer(10, 20)},
			"10 at 1, 11 at 1, 12 at 1, 13 at 1, 14 at 1, 15 at 1, 16 at 1, 17 at 1, 18 at 1, 19 at 1, 20 at 1, 21 at 1, 22 at 1, 23 at 1, 24 at 1, 25 at 1",
			bridge.OpCounts{Starts: 20, Overflow: 4, Dones: 16, Paired: 16, Inlined: 16}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := o.counts("request")
			if got := o.requestsOf(query(test.steps...)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			got := o.counts("request")
			got = bridge.OpCounts{
				Starts: got.Starts - before.Starts, Dones: got.Dones - before.Dones, Paired: got.Paired - before.Paired,
				Inlined: got.Inlined - before.Inlined, Replaced: got.Replaced - before.Replaced, Overflow: got.Overflow - before.Overflow,
				Open: got.Open,
			}
			if got != test.count {
				t.Errorf("counts %+v, want %+v", got, test.count)
			}
		})
	}
	h := o.histograms("request")
	if len(h) != 2 || h[0].Namespace != "db" || h[0].Count+h[1].Count != 24 || h[0].Failed == h[1].Failed {
		t.Errorf("histograms %+v", h)
	}
}

func TestKernelKeepsRequestsOfNestedQueriesApart(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, withRequests, probes.Config{})
	f.do(start, "ask 1 1", start, "ask 2 1")
	answerRequests(1, 2)
	f.do(done, "ask 3 1")
	answerRequests(3, 1)
	f.do(done)
	all := o.records()
	if len(all) != 2 {
		t.Fatalf("%d records: %+v", len(all), all)
	}
	if inner, outer := o.requestsOf(&all[0]), o.requestsOf(&all[1]); inner != "2 at 1" || outer != "1 at 1, 3 at 1" {
		t.Errorf("inner %q, outer %q", inner, outer)
	}
	if c := o.counts("request"); c.Starts != 3 || c.Inlined != 3 {
		t.Errorf("counts %+v", c)
	}
}

// Of more than a record has room for, the number and the time are told; and the kernel's work
// leaves room for the program's own.
func TestKernelSumsItsWorkBeyondTheRoomOfARecord(t *testing.T) {
	const n, calls, steps, room = 100, 70, 40, 32
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, withRequests, probes.Config{})
	f.do(start)
	for i := range n {
		f.do(fmt.Sprintf("ask %d 1", i))
		answerRequests(i, 1)
	}
	f.do(fmt.Sprintf("steps %d", steps), done)
	r := o.one()
	const class = 1 // the second of the profile's inner operations, after the steps
	if len(r.Entries) != bridge.MaxEntries-room/2 || r.RestCount[class] != n-room/2 || r.RestNs[class] == 0 {
		t.Errorf("requests: %d entries, rest %v of %v ns", len(r.Entries), r.RestCount, r.RestNs)
	}
	if r.RestCount[0] != room+steps-bridge.MaxEntries {
		t.Errorf("steps: rest %d", r.RestCount[0])
	}
	if c := o.counts("request"); c.Inlined != n || c.KernelErrors != 0 {
		t.Errorf("counts %+v", c)
	}

	f = startFixture(t, compileFixture(t, "probes.c"))
	o = observe(t, f, withSyncs, probes.Config{})
	f.do(start, fmt.Sprintf("fsync %d", calls), done)
	r = o.one()
	if len(r.Entries) != room || r.RestCount[class] != calls-room || r.RestNs[class] == 0 {
		t.Errorf("calls: %d entries, rest %v of %v ns", len(r.Entries), r.RestCount, r.RestNs)
	}
	if c := o.counts("fsync"); c.Inlined != calls || c.KernelErrors != 0 {
		t.Errorf("counts %+v", c)
	}
}

// The requests of a thread that ends are abandoned with its query.
func TestKernelForgetsRequestsWithTheirThread(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, withRequests, probes.Config{})
	f.do(start, "ask 50 2")
	if c := o.counts("request"); c.Starts != 2 || c.Open != 2 {
		t.Errorf("while they are open: %+v", c)
	}
	answerRequests(50, 1)
	f.stop()
	if c := o.counts("request"); c.Starts != 2 || c.Open != 0 || c.Abandoned != 2 {
		t.Errorf("after the end of the thread: %+v", c)
	}
	answerRequests(51, 1)
	if c := o.counts("request"); c.Dones != 0 {
		t.Errorf("after an answer that came too late: %+v", c)
	}
}
