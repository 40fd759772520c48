// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare/interval"
	"github.com/spanbridge/spanbridge/compare/load"
)

// machine is a server with a load, of which everything is known.
type machine struct {
	t      *testing.T
	random *rand.Rand
	now    float64 // in slices
	on     []string
	turns  []string // the methods of all slices
	used   map[int]usage
	costs  map[string]float64 // by method, as a ratio
	fail   func(slice int) error
}

const serverPID, outsidePID = 100, 200

func (m *machine) Run(_ context.Context, d time.Duration) (load.Stats, error) {
	if len(m.on) > 1 {
		m.t.Errorf("%v are on at a time", m.on)
	}
	method := strings.Join(m.on, "+")
	m.turns = append(m.turns, method)
	m.now++
	ratio := 1.0
	if c, ok := m.costs[method]; ok {
		ratio = c
	}
	const statements = 10_000
	micros := 20 * ratio * (2 + math.Sin(m.now/5)) * math.Exp(0.03*m.random.NormFloat64())
	u := m.used[serverPID]
	u.cpu += int64(statements * micros * 1000)
	u.wrote += uint64(statements * 100 * (ratio - 1))
	m.used[serverPID] = u
	m.used[outsidePID] = usage{cpu: m.used[outsidePID].cpu + statements*3000}
	var err error
	if m.fail != nil {
		err = m.fail(len(m.turns))
	}
	return load.Stats{
		Statements: statements, Seconds: micros / 100, P50: time.Duration(micros * 1000), P99: time.Duration(micros * 5000),
	}, err
}

func (m *machine) read(pid int) (usage, error) { return m.used[pid], nil }

type fakeMethod struct {
	described
	*machine
	onErr, offErr error
	pid           int
}

func (f *fakeMethod) outside() int { return f.pid }

func (f *fakeMethod) on(context.Context) error {
	if f.onErr != nil {
		return f.onErr
	}
	f.machine.on = append(f.machine.on, f.called)
	return nil
}

func (f *fakeMethod) off(ctx context.Context) error {
	if ctx.Err() != nil {
		f.t.Errorf("%s is switched off with a context that has ended", f.called)
	}
	f.machine.on = slices.DeleteFunc(f.machine.on, func(s string) bool { return s == f.called })
	return f.offErr
}

func newMachine(t *testing.T, costs map[string]float64) (*machine, *blocks) {
	m := &machine{t: t, random: rand.New(rand.NewPCG(1, 2)), used: make(map[int]usage), costs: costs}
	var all []method
	for name := range costs {
		all = append(all, &fakeMethod{described: described{called: name}, machine: m, pid: outsidePID})
	}
	return m, &blocks{
		methods: choose(all, nil), load: m, meter: m, pid: serverPID, rounds: 20, slice: time.Second,
		random: rand.New(rand.NewPCG(3, 4)), progress: func(Progress) {},
	}
}

func TestEachMethodIsOnInItsOwnSlicesOnly(t *testing.T) {
	m, b := newMachine(t, map[string]float64{"a": 1.5, "b": 1})
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.on) > 0 {
		t.Errorf("%v are on at the end", m.on)
	}
	orders := make(map[string]bool)
	for round := range b.rounds {
		turn := slices.Clone(m.turns[1+4*round : 5+4*round]) // after one to warm up
		orders[fmt.Sprint(turn)] = true
		slices.Sort(turn)
		if want := []string{"", "", "a", "b"}; !slices.Equal(turn, want) {
			t.Errorf("round %d has slices of %q", round, turn)
		}
	}
	if len(orders) < 6 {
		t.Errorf("%d rounds have only %d orders", b.rounds, len(orders))
	}
}

func TestFiguresAreThoseOfTheMachine(t *testing.T) {
	_, b := newMachine(t, map[string]float64{"dear": 1.5, "free": 1})
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range b.methods {
		got := b.summary(m)
		switch m.name() {
		case Nothing:
			if !got.CPU.IsZero() || got.CPUMicros < 20 || got.CPUMicros > 60 || got.Pairs != 20 {
				t.Errorf("nothing: %+v", got)
			}
		case Control, "free":
			if !got.CPU.Within(1) || !got.Throughput.Within(1) || !got.P50.Within(1) || !got.P99.Within(1) || got.BytesPerStatement != 0 {
				t.Errorf("%s: %+v", m.name(), got)
			}
		case "dear":
			if !got.CPU.Within(1.5) || !got.Throughput.Within(1/1.5) || !got.P99.Within(1.5) || got.BytesPerStatement != 50 {
				t.Errorf("%s: %+v", m.name(), got)
			}
			if got.OutsideMicros < 2.9 || got.OutsideMicros > 3.1 {
				t.Errorf("%s: outside it takes %v µs", m.name(), got.OutsideMicros)
			}
			if got.CPU.High-got.CPU.Low > 0.5 {
				t.Errorf("%s: interval %+v is of no use", m.name(), got.CPU)
			}
		}
	}
}

func TestWhatCannotBeSwitchedOnIsMissingAndTheOthersAreMeasured(t *testing.T) {
	_, b := newMachine(t, map[string]float64{"a": 1.2})
	refused := &fakeMethod{described: described{called: "refused"}, machine: &machine{t: t}, onErr: errors.New("not today")}
	absent := &fakeMethod{described: described{called: "absent", lacks: "no such thing"}}
	b.methods = append(b.methods, refused, absent)
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for m, want := range map[method]string{refused: "not today", absent: "no such thing"} {
		if got := b.summary(m); got.Missing != want || got.Pairs != 0 || got.CPUMicros != 0 {
			t.Errorf("%s: %+v", m.name(), got)
		}
	}
	if got := b.summary(b.methods[2]); got.Missing != "" || got.CPU.Low <= 1 {
		t.Errorf("a: %+v", got)
	}
}

func TestNothingStaysOnWhenALoadFailsOrTheUserStopsIt(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		m, b := newMachine(t, map[string]float64{"a": 1.2, "b": 1.2})
		ctx, cancel := context.WithCancel(t.Context())
		want := errors.New("the server has gone away")
		if stopped {
			want = context.Canceled
		}
		m.fail = func(slice int) error {
			if len(m.on) == 0 || slice < 9 {
				return nil
			}
			cancel()
			if stopped {
				return nil
			}
			return want
		}
		if err := b.run(ctx); !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		if len(m.on) > 0 {
			t.Errorf("%v are left on", m.on)
		}
		cancel()
	}
}

func TestALoadThatDoesNothingIsAnError(t *testing.T) {
	m, b := newMachine(t, nil)
	b.load = lazy{m}
	if err := b.run(t.Context()); err == nil || !strings.Contains(err.Error(), "did nothing") {
		t.Errorf("error %v", err)
	}
}

type lazy struct{ *machine }

func (lazy) Run(context.Context, time.Duration) (load.Stats, error) {
	return load.Stats{Statements: 5, Errors: 5, Seconds: 1}, nil
}

func TestMethodsAreChosenByName(t *testing.T) {
	all := []method{&idle{described{called: "a"}}, &idle{described{called: "b"}}}
	if got := choose(all, []string{"b"}); len(got) != 3 || got[0].name() != Nothing || got[1].name() != Control || got[2].name() != "b" {
		t.Errorf("%v", got)
	}
	if err := CheckNames([]string{"slowlog", "nonsense"}); err == nil || !strings.Contains(err.Error(), `"nonsense": want some of usdt, uprobe`) {
		t.Errorf("error %v", err)
	}
	if err := CheckNames(Names()); err != nil {
		t.Error(err)
	}
}

// recorder is a server whose settings are remembered.
type recorder struct {
	set  map[string]string
	fail string
}

func (r *recorder) Set(_ context.Context, kind, name, value string) error {
	if name == r.fail && value == "ON" {
		return errors.New("refused")
	}
	r.set[name] = value
	return nil
}

func TestSettingsOfAMethodThatIsRefusedAreSwitchedOffAgain(t *testing.T) {
	r := &recorder{set: make(map[string]string), fail: "second"}
	m := &switched{set: r, settings: []setting{{"variable", "first", "ON", "OFF"}, {"variable", "second", "ON", "OFF"}}}
	if err := m.on(t.Context()); err == nil {
		t.Error("no error")
	}
	if r.set["first"] != "OFF" {
		t.Errorf("left behind: %v", r.set)
	}
}

func TestTooFewRoundsAreRefused(t *testing.T) {
	if _, err := Run(t.Context(), Options{Rounds: interval.Least - 1}); err == nil {
		t.Error("no error")
	}
}
