// SPDX-License-Identifier: Apache-2.0

package experiment

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/interval"
)

var here = Environment{Kernel: "6.18.0", Architecture: "amd64", CPU: "a processor", Cores: 2, Spanbridge: "1"}

// measured makes an experiment on a machine of that speed, in which a hit takes a
// thousand steps of arithmetic times the effect.
func measured(r *rand.Rand, speed, effect float64) *Document {
	s := Sample{Name: "hit", Unit: "ns"}
	for range 12 {
		now := speed * (1 + 0.1*r.Float64())
		s.Steps = append(s.Steps, now)
		s.Values = append(s.Values, 1000*effect*now*(1+0.02*r.NormFloat64()))
	}
	return OfSamples(here, []Sample{s})
}

func verdictOf(t *testing.T, was, is *Document) Verdict {
	t.Helper()
	j, err := Judge(was, is, 0.1, false)
	if err != nil {
		t.Fatal(err)
	}
	return j.Decisions[0].Verdict
}

// What has become dearer is found, and what has not is not told to have: in no
// more than a few of 1,000 experiments.
func TestRegressionsAreFoundAndNoneIsInvented(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name          string
		speed, effect float64
		want          Verdict
	}{
		{"the same", 1, 1, Undecided},
		{"dearer", 1, 1.5, Worse},
		{"cheaper", 1, 0.5, Better},
		{"a slower processor", 1.5, 1, Undecided},
		{"dearer on a slower processor", 1.3, 1.5, Worse},
	} {
		other := 0
		for range 1000 {
			if verdictOf(t, measured(r, 1, 1), measured(r, c.speed, c.effect)) != c.want {
				other++
			}
		}
		if most := map[Verdict]int{Undecided: 10}[c.want]; other > max(most, 5) {
			t.Errorf("%s: %d of 1000 are not %q", c.name, other, c.want)
		}
	}
}

func TestVerdictsDependOnIntervalsAndThreshold(t *testing.T) {
	was := interval.Estimate{Value: 100, Low: 90, High: 110}
	for _, c := range []struct {
		is   interval.Estimate
		more bool
		want Verdict
	}{
		{interval.Estimate{Value: 120, Low: 110, High: 130}, false, Undecided},
		{interval.Estimate{Value: 120, Low: 115, High: 125}, false, Small},
		{interval.Estimate{Value: 130, Low: 125, High: 135}, false, Worse},
		{interval.Estimate{Value: 130, Low: 125, High: 135}, true, Better},
		{interval.Estimate{Value: 70, Low: 65, High: 75}, false, Better},
		{interval.Estimate{Value: 70, Low: 65, High: 75}, true, Worse},
		{interval.Estimate{Value: 87, Low: 85, High: 89}, false, Small},
	} {
		if got := verdict(was, c.is, c.more, 0.1); got != c.want {
			t.Errorf("%+v, more is better %v: %q, want %q", c.is, c.more, got, c.want)
		}
	}
}

func TestOtherEnvironmentsAreRefusedUnlessOneInsists(t *testing.T) {
	was := measured(rand.New(rand.NewPCG(1, 2)), 1, 1)
	is := *was
	is.Environment.Spanbridge, is.Environment.Server = "2", "MySQL 9.7"
	if j, err := Judge(was, &is, 0.1, false); err != nil || len(j.Told) != 2 {
		t.Errorf("another version: %+v, %v", j, err)
	}
	is.Environment.Kernel = "7.0.0"
	var different *DifferentError
	if _, err := Judge(was, &is, 0.1, false); !errors.As(err, &different) || len(different.Why) != 1 {
		t.Errorf("another kernel: %v", err)
	}
	if j, err := Judge(was, &is, 0.1, true); err != nil || len(j.Told) != 3 {
		t.Errorf("another kernel, insisting: %+v, %v", j, err)
	}
	is.Kind = Macro
	if _, err := Judge(was, &is, 0.1, true); err == nil {
		t.Error("another kind of experiment is compared")
	}
}

func TestWhatIsMissingIsNoRegression(t *testing.T) {
	was := measured(rand.New(rand.NewPCG(1, 2)), 1, 1)
	is := OfSamples(here, []Sample{{Name: "hit", Missing: "refused"}, {Name: "new", Missing: "refused"}})
	j, err := Judge(was, is, 0.1, false)
	if err != nil || len(j.Decisions) != 1 || j.Decisions[0].Verdict != Missing || len(j.Worse()) != 0 {
		t.Errorf("%+v, %v", j, err)
	}
}

func TestFiguresOfCostAreRatiosAndTheServersOwn(t *testing.T) {
	nothing, method := cost.Method{Name: cost.Nothing}, cost.Method{Name: "slowlog", CPU: cost.Ratio{Value: 1.2, Low: 1.1, High: 1.3}}
	for i := range 6 {
		nothing.Samples = append(nothing.Samples, cost.Sample{CPUMicros: 20 + float64(i), PerSecond: 1000})
	}
	d := OfCost(here, &cost.Result{Load: "mixed", Methods: []cost.Method{nothing, method, {Name: "bpftrace", Missing: "not installed"}}})
	var names []string
	for _, f := range d.Figures {
		names = append(names, f.Name)
	}
	want := []string{
		"nothing/cpu", "nothing/throughput", "slowlog/cpu", "bpftrace/cpu", "bpftrace/throughput", "bpftrace/p50", "bpftrace/p99",
	}
	if diff := cmp.Diff(want, names); diff != "" || d.Figures[0].Value != 22.5 || d.Figures[2].Value != 1.2 {
		t.Errorf("figures (-want +got):\n%s\n%+v", diff, d.Figures)
	}
}

func TestADocumentIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "before.json")
	was := measured(rand.New(rand.NewPCG(1, 2)), 1, 1)
	for range 2 { // also over an older one
		if err := was.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for name, text := range map[string]string{"later.json": `{"format":2,"kind":"micro"}`, "other.json": `{}`, "no.json": `x`} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

func TestTheEnvironmentIsKnown(t *testing.T) {
	e := Here("1")
	if e.Kernel == "" || e.CPU == "unknown" || e.Cores == 0 {
		t.Errorf("%+v", e)
	}
	if incomparable, told := e.Differences(e); len(slices.Concat(incomparable, told)) > 0 {
		t.Errorf("differs from itself: %v, %v", incomparable, told)
	}
}
