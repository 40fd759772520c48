// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantilesAreThoseOfTheDurations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var a, b, both durations
	var all []time.Duration
	for i := range 20_000 {
		took := time.Duration(rng.ExpFloat64() * float64(300*time.Microsecond))
		all = append(all, took)
		if i%3 == 0 {
			a.add(took)
		} else {
			b.add(took)
		}
	}
	both.join(&a)
	both.join(&b)
	slices.Sort(all)
	for _, share := range []float64{0.01, 0.5, 0.99} {
		want, got := all[int(share*float64(len(all)))], both.quantile(share)
		if d := got - want; max(d, -d) > want/64+1 {
			t.Errorf("quantile %v is %v, want %v", share, got, want)
		}
	}
	if (&durations{}).quantile(0.5) != 0 {
		t.Error("of nothing there is no quantile")
	}
}

func TestBucketsCoverEveryDuration(t *testing.T) {
	last := -1
	for _, ns := range []uint64{0, 1, 63, 64, 127, 128, 129, 130, 255, 256, 1e6, 1e9, 1<<62 + 1, 1<<63 - 1} {
		b := bucketOf(ns)
		if b < last || b >= len(durations{}.buckets) {
			t.Errorf("%d is in bucket %d, after %d", ns, b, last)
		}
		last = b
		if m := middleOf(b); max(m, ns)-min(m, ns) > ns>>subBits {
			t.Errorf("%d is in the bucket of %d", ns, m)
		}
	}
}
