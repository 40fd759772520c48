// SPDX-License-Identifier: Apache-2.0

package interval

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The exact critical values of tables of the signed-rank test at 5 %, two-sided
// (Wilcoxon and Wilcox 1964).
func TestBoundsAreThoseOfTheTablesOfTheTest(t *testing.T) {
	tables := map[int]int{6: 0, 7: 2, 8: 3, 9: 5, 10: 8, 12: 13, 15: 25, 20: 52, 25: 89, 30: 137}
	for n, want := range tables {
		if got := refused(n); got != want {
			t.Errorf("%d values: %d, in the table %d", n, got, want)
		}
	}
	if a, b := refused(exact), refused(exact+1); b < a || b > a+exact {
		t.Errorf("the approximation does not go on where the exact distribution ends: %d, then %d", a, b)
	}
}

func TestFewerThanSixPairsGiveNoInterval(t *testing.T) {
	five := []float64{1, 2, 3, 4, 5}
	if e := Of(five); !e.IsZero() {
		t.Errorf("five values give %+v", e)
	}
	if e := Ratios(append(five, 0, -1), []float64{1, 1, 1, 1, 1, 1, 1}); !e.IsZero() {
		t.Errorf("five ratios that can be computed give %+v", e)
	}
	if e := Ratios([]float64{2, 2, 2, 2, 2, 2}, []float64{1, 1, 1, 1, 1, 1}); e.Value < 1.999 || e.Value > 2.001 {
		t.Errorf("six equal ratios of 2 give %+v", e)
	}
	if e := Of(nil); !e.IsZero() {
		t.Errorf("nothing gives %+v", e)
	}
}

// noise is a machine whose slices are measured.
type noise struct {
	name  string
	value func(r *rand.Rand, at float64) float64 // of a slice, at a time from 0 to 1
}

// noises are what other users of a machine do to a measurement.
var noises = []noise{
	{"even", func(r *rand.Rand, _ float64) float64 { return math.Exp(0.05 * r.NormFloat64()) }},
	{"drifting", func(r *rand.Rand, at float64) float64 { return (1 + at) * math.Exp(0.05*r.NormFloat64()) }},
	{"in waves", func(r *rand.Rand, at float64) float64 {
		return (1.5 + math.Sin(20*at)) * math.Exp(0.02*r.NormFloat64())
	}},
	{"with slices gone wrong", func(r *rand.Rand, _ float64) float64 {
		v := math.Exp(0.05 * r.NormFloat64())
		if r.IntN(5) == 0 {
			v *= 1 + 10*r.Float64()
		}
		return v
	}},
	{"with steps", func(r *rand.Rand, at float64) float64 {
		return (1 + math.Floor(4*at)) * math.Exp(0.1*r.NormFloat64())
	}},
}

// measure makes the pairs of an experiment with that effect, the order of each
// pair drawn by lot.
func (n noise) measure(r *rand.Rand, pairs int, effect float64) (with, without []float64) {
	for i := range pairs {
		slots := []float64{float64(2*i) / float64(2*pairs), float64(2*i+1) / float64(2*pairs)}
		r.Shuffle(2, func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
		with = append(with, effect*n.value(r, slots[0]))
		without = append(without, n.value(r, slots[1]))
	}
	return with, without
}

// An interval of 95 % holds the truth in at least 95 of 100 experiments, also in those
// of no effect, whatever the machine does meanwhile. 2,000 experiments leave
// chance a standard error of 0.5 in 100.
func TestIntervalsHoldTheTruthAsOftenAsTheySay(t *testing.T) {
	const experiments = 2000
	for _, n := range noises {
		for _, effect := range []float64{1, 1.02, 1.5} {
			for _, pairs := range []int{6, 10, 30} {
				r := rand.New(rand.NewPCG(uint64(pairs), math.Float64bits(effect)))
				holds := 0
				for range experiments {
					if Ratios(n.measure(r, pairs, effect)).Within(effect) {
						holds++
					}
				}
				if share := float64(holds) / experiments; share < Confidence-0.015 {
					t.Errorf("noise %s, effect %v, %d pairs: %.3f of the intervals hold the truth", n.name, effect, pairs, share)
				}
			}
		}
	}
}

// An interval is of use only if it is not much wider than need be: what is there
// is found.
func TestEffectsAreFound(t *testing.T) {
	for _, n := range noises[:2] {
		r := rand.New(rand.NewPCG(1, 2))
		found := 0
		for range 500 {
			if Ratios(n.measure(r, 12, 1.15)).Low > 1 {
				found++
			}
		}
		if found < 475 {
			t.Errorf("noise %s: an effect of 15 %% is found in %d of 500 experiments of 12 pairs", n.name, found)
		}
	}
}

func TestEstimatesDoNotDependOnTheOrderOfValuesAndTurnWithThem(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		values := make([]float64, Least+r.IntN(30))
		for i := range values {
			values[i] = r.NormFloat64()
		}
		e := Of(values)
		if e.Low > e.Value || e.Value > e.High || e.Low < slices.Min(values) || e.High > slices.Max(values) {
			t.Fatalf("%v gives %+v", values, e)
		}
		r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		if again := Of(values); again != e {
			t.Fatalf("in another order %+v, not %+v", again, e)
		}
		for i := range values {
			values[i] = -values[i]
		}
		if turned := Of(values); turned != (Estimate{Value: -e.Value, Low: -e.High, High: -e.Low}) {
			t.Fatalf("of the negative values %+v, not %+v", turned, e)
		}
	}
}

func TestManyValuesCostNoMoreThanSome(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, 100_000)
	for i := range values {
		values[i] = 7 + r.NormFloat64()
	}
	if e := Of(values); e.Value < 6.8 || e.Value > 7.2 || e.High-e.Low > 0.2 {
		t.Errorf("values around 7 give %+v", e)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}} {
		if got := Median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}
