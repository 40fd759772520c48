// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

const timeProfile = `
profile: fixture
match: {executables: [fixture]}
operations:
  query:
    recursive: true
    metric: db.server.operation.duration
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:query__start
          capture: {number: {arg: 0, type: u64}}
        done:
          probe: usdt:exe:fixture:query__done
          capture: {status: {arg: 0, type: i32}}
  step:
    parent: query
    waits: {3: sleep, 4: lock, 5: lock}
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:step__start
          capture: {value: {arg: 0, type: u64}}
        done: {probe: "usdt:exe:fixture:step__done"}
`

// emulated says that the machine is too slow to be measured.
func emulated() bool { return os.Getenv("SPANBRIDGE_FIXTURES") != "" }

// spent is where the time of an operation went.
type spent struct {
	ns       [bridge.NumTimes]uint64
	duration uint64
}

func (s *spent) sum() (sum uint64) {
	for _, ns := range s.ns {
		sum += ns
	}
	return sum
}

// timer is a fixture that is observed.
type timer struct {
	*fixture
	*observer
}

func startTimer(t *testing.T, threshold time.Duration) *timer {
	t.Helper()
	f := startFixture(t, compileFixture(t, "time.c"), t.TempDir())
	o := observe(t, f, timeProfile, probes.Config{Programs: probes.Programs{Attribution: true, WaitThreshold: threshold}})
	return &timer{f, o}
}

// run has the fixture carry out an operation n times. It returns where the time of
// each went by the fixture's own clocks, and the records, some of each operation.
func (tm *timer) run(parts string, n int) (own []spent, records []record) {
	tm.fixture.t.Helper()
	for range n {
		answer := tm.do(parts)
		var s spent
		args := make([]any, 0, len(s.ns)+1)
		for i := range s.ns {
			args = append(args, &s.ns[i])
		}
		if _, err := fmt.Sscan(answer, append(args, &s.duration)...); err != nil {
			tm.fixture.t.Fatalf("%s: %q: %v", parts, answer, err)
		}
		own = append(own, s)
	}
	return own, tm.records()
}

// missed is the share of operations of which the time may be unknown. A switch that
// is not seen is counted, but how many are is not for us to say.
const missed = 0.05

func spentBy(r *record) spent { return spent{ns: r.Times.Ns, duration: r.EndNs - r.StartNs} }

func median[T cmp.Ordered](list []T) T {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}

// TestKernelTellsWhereTheTimeWent compares each class with the workload's own
// clocks: the median of it within a tenth and 100 µs, the sum of all with the
// duration within 3 %.
func TestKernelTellsWhereTheTimeWent(t *testing.T) {
	repetitions, share, constant := 200, 0.1, 100e3
	if emulated() {
		repetitions, share, constant = 10, 0.5, 3e6
	}
	for _, test := range []struct{ name, parts string }{
		{"of every kind", "csfyncd"},
		{"sleeping", "sS"}, {"waiting for a lock", "f"}, {"syncing", "y"}, {"reading a disk", "dm"},
		{"waiting for the network", "npe"}, {"waiting for something else", "oE"}, {"computing", "c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tm := startTimer(t, time.Millisecond)
			var own, seen [bridge.NumTimes][]float64
			all, records := tm.run(test.parts, repetitions)
			if len(records) != repetitions {
				t.Fatalf("%d records of %d operations", len(records), repetitions)
			}
			unknown := 0
			for i, r := range records {
				if r.Flags&bridge.FlagTimed == 0 {
					unknown++
					continue
				}
				s := spentBy(&r)
				if d := float64(s.sum())/float64(s.duration) - 1; d > 0.03 || d < -0.03 {
					t.Errorf("the sum is %.3f of the duration: %v of %d ns", d+1, s.ns, s.duration)
				}
				for class := range own {
					own[class] = append(own[class], float64(all[i].ns[class]))
					seen[class] = append(seen[class], float64(s.ns[class]))
				}
			}
			if c := tm.counts("query"); c.Untimed != uint64(unknown) || unknown > int(missed*float64(repetitions)) {
				t.Errorf("of %d operations the time is unknown, of %d by the counts", unknown, c.Untimed)
			}
			for class := range bridge.NumTimes {
				want, got := median(own[class]), median(seen[class])
				if want > 0 || got > 0 {
					t.Logf("%-9s %8.0f us, by its own clock %8.0f us", class, got/1e3, want/1e3)
				}
				if d := got - want; max(d, -d) > share*want+constant {
					t.Errorf("%s: median %.0f ns, by its own clock %.0f ns", class, got, want)
				}
			}
		})
	}
}

// again repeats what a switch that was not seen can spoil.
func (tm *timer) again(parts string, records int) []record {
	tm.fixture.t.Helper()
	for range 10 {
		_, all := tm.run(parts, 1)
		if len(all) != records {
			tm.fixture.t.Fatalf("%s: %d records, want %d", parts, len(all), records)
		}
		if all[records-1].Flags&bridge.FlagTimed != 0 {
			return all
		}
	}
	tm.fixture.t.Fatalf("%s: the time is never known", parts)
	return nil
}

// where describes the waits of a record.
func where(r *record) (waits []string) {
	for _, w := range r.Waits {
		waits = append(waits, fmt.Sprintf("%s %d", w.Class, w.Depth))
	}
	return waits
}

func TestKernelTellsLongWaitsOneByOne(t *testing.T) {
	tm := startTimer(t, time.Millisecond)
	tests := []struct {
		name, parts string
		want        []string
	}{
		{"each", "sfn", []string{"sleep 1", "lock 1", "network 1"}},
		{"unless the server tells it", "4s", []string{"sleep 1"}},
		{"inside of what the server does", "1s", []string{"lock 2", "sleep 1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := tm.again(test.parts, 1)[0]
			waits := slices.DeleteFunc(where(&r), func(w string) bool { return w[:3] == "run" })
			if diff := gocmp.Diff(test.want, waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
			last := r.StartNs
			for _, w := range r.Waits {
				if w.StartNs < last || w.DurationNs < 1e6 || w.StartNs+w.DurationNs > r.EndNs {
					t.Errorf("%s from %d for %d ns, of an operation from %d to %d", w.Class, w.StartNs, w.DurationNs, r.StartNs, r.EndNs)
				}
				last = w.StartNs + w.DurationNs
			}
		})
	}
	t.Run("as many as there is room for", func(t *testing.T) {
		parts := strings.Repeat("s", 2*bridge.MaxWaits)
		if r := tm.again(parts, 1)[0]; len(r.Waits) != bridge.MaxWaits || r.Unlisted < bridge.MaxWaits {
			t.Errorf("%d waits, %d without room", len(r.Waits), r.Unlisted)
		}
	})
	t.Run("but not shorter ones", func(t *testing.T) {
		if r := startTimer(t, time.Hour).again("sf", 1)[0]; len(r.Waits) != 0 || r.Unlisted != 0 {
			t.Errorf("waits %v", where(&r))
		}
	})
}

// What the server says counts where the kernel sees only a wait for another thread.
func TestKernelBelievesWhatTheServerWaitsFor(t *testing.T) {
	tm := startTimer(t, time.Millisecond)
	for _, test := range []struct {
		name, parts string
		want        bridge.TimeClass
	}{
		{"a futex", "1", bridge.TimeLock},
		{"a futex in which the server sleeps", "3", bridge.TimeSleep},
		{"a futex in which the server waits for a lock", "4", bridge.TimeLock},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := spentBy(&tm.again(test.parts, 1)[0])
			if s.ns[test.want] < 1.5e6 {
				t.Errorf("%d ns of %s: %v", s.ns[test.want], test.want, s.ns)
			}
		})
	}
}

func TestKernelKeepsTheTimesOfNestedOperationsApart(t *testing.T) {
	tm := startTimer(t, time.Millisecond)
	records := tm.again("s(f)n", 2)
	inner, outer := spentBy(&records[0]), spentBy(&records[1])
	if inner.ns[bridge.TimeLock] < 1.5e6 || inner.ns[bridge.TimeSleep] != 0 || inner.ns[bridge.TimeNetwork] != 0 {
		t.Errorf("the inner one: %v", inner.ns)
	}
	for _, class := range []bridge.TimeClass{bridge.TimeSleep, bridge.TimeNetwork, bridge.TimeLock} {
		if outer.ns[class] < 1.5e6 {
			t.Errorf("the outer one: %v", outer.ns)
		}
	}
	innerWaits := slices.DeleteFunc(where(&records[0]), func(w string) bool { return w[:3] == "run" })
	outerWaits := slices.DeleteFunc(where(&records[1]), func(w string) bool { return w[:3] == "run" })
	if diff := gocmp.Diff([][]string{{"lock 1"}, {"sleep 1", "network 1"}}, [][]string{innerWaits, outerWaits}); diff != "" {
		t.Errorf("waits of the inner and the outer one (-want +got):\n%s", diff)
	}
	// Deeper than there are levels.
	records = tm.again("((((s))))", 5)
	for i, r := range records {
		if timed := r.Flags&bridge.FlagTimed != 0; timed != (i > 0) {
			t.Errorf("%d from the innermost: times are known: %v", i, timed)
		}
	}
}

// With more threads than processors, waiting for one of them is seen.
func TestKernelTellsWaitsForACPU(t *testing.T) {
	f := compileFixture(t, "time.c")
	for range 2 * runtime.NumCPU() {
		spinner := startFixture(t, f, t.TempDir())
		t.Cleanup(func() { spinner.cmd.Process.Kill() })
		go func() {
			for range 60 {
				fmt.Fprintln(spinner.in, strings.Repeat("c", 100))
			}
		}()
	}
	share := 0.1
	if emulated() {
		share = 0.5
	}
	tm := startTimer(t, time.Millisecond)
	own, records := tm.run(strings.Repeat("c", 20), 5)
	for i, r := range records {
		if r.Flags&bridge.FlagTimed == 0 {
			continue
		}
		s := spentBy(&r)
		t.Logf("run queue %d ns, by schedstat %d ns; on CPU %d ns", s.ns[bridge.TimeRunQueue], own[i].ns[bridge.TimeRunQueue], s.ns[bridge.TimeCPU])
		got, want := float64(s.ns[bridge.TimeRunQueue]), float64(own[i].ns[bridge.TimeRunQueue])
		if d := got - want; want < 5e6 || max(d, -d) > share*want+100e3 {
			t.Errorf("run queue %.0f ns, by the scheduler's account %.0f ns", got, want)
		}
	}
}

func TestKernelCountsTimesOfWhatIsLeftOut(t *testing.T) {
	f := startFixture(t, compileFixture(t, "time.c"), t.TempDir())
	o := observe(t, f, timeProfile, probes.Config{
		MinDuration: time.Hour, Programs: probes.Programs{Attribution: true, WaitThreshold: time.Millisecond},
	})
	tm := &timer{f, o}
	own, records := tm.run("csf", 10)
	var want, got spent
	for _, s := range own {
		for class, ns := range s.ns {
			want.ns[class] += ns
		}
	}
	for _, h := range o.histograms("query") {
		for class, ns := range h.TimeNs {
			got.ns[class] += ns
		}
	}
	if len(records) != 0 || o.counts("query").Filtered != 10 {
		t.Errorf("%d records", len(records))
	}
	for _, class := range []bridge.TimeClass{bridge.TimeCPU, bridge.TimeSleep, bridge.TimeLock} {
		if got.ns[class] < want.ns[class]/2 || got.ns[class] > 2*want.ns[class] {
			t.Errorf("%s: %d ns in the histograms, by its own clock %d ns", class, got.ns[class], want.ns[class])
		}
	}
}

func TestKernelTellsNoTimesUnasked(t *testing.T) {
	f := startFixture(t, compileFixture(t, "time.c"), t.TempDir())
	o := observe(t, f, timeProfile, probes.Config{})
	_, records := (&timer{f, o}).run("sf", 1)
	if r := records[0]; r.Flags&bridge.FlagTimed != 0 || r.Times != (bridge.Times{}) || len(r.Waits) != 0 {
		t.Errorf("record %+v", r.Record)
	}
	if c := o.counts("query"); c.Untimed != 0 {
		t.Errorf("counts %+v", c)
	}
}
