// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/spanbridge/spanbridge/bridge"
)

func TestBucketsAreUnionsOfTheKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, perOctave := range []int{1, 2, 4, 8} {
		s, err := newScale(perOctave)
		if err != nil {
			t.Fatal(err)
		}
		if want := 23*perOctave + 1; len(s.bounds) != want || !sort.Float64sAreSorted(s.bounds) {
			t.Fatalf("%d an octave: %d bounds %v, want %d in order", perOctave, len(s.bounds), s.bounds, want)
		}
		if s.bounds[0] != 8.192e-06 || s.bounds[len(s.bounds)-1] != 68.719476736 {
			t.Errorf("bounds from %v to %v", s.bounds[0], s.bounds[len(s.bounds)-1])
		}
		check := func(ns uint64) {
			t.Helper()
			// SearchFloat64s finds the first bound that is not below: included
			// upper bounds, as OpenTelemetry's data model has them.
			if want := sort.SearchFloat64s(s.bounds, seconds(ns)); s.of(ns) != want {
				t.Fatalf("%d an octave: %d ns is counted in bucket %d, want %d", perOctave, ns, s.of(ns), want)
			}
		}
		for b := range bridge.NumBuckets - 1 {
			upper := bridge.BucketUpperNs(b)
			check(upper - 1)
			check(upper)
			check(upper + 1)
		}
		for range 20_000 {
			check(rng.Uint64() >> rng.IntN(64))
		}
	}
}

func TestAnOctaveIsNotDividedIntoThree(t *testing.T) {
	if _, err := NewProducer(Options{Directory: testDirectory(), PerOctave: 3}); err == nil {
		t.Error("three buckets an octave accepted")
	}
}
