// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
	"time"
)

// Latency is how the durations that two accounts tell of the same statements
// differ: B's minus A's. It is zero if fewer than two pairs have both.
type Latency struct {
	Pairs            int // that have both
	MedianA, MedianB time.Duration
	P5, Median, P95  time.Duration // of the differences
	Ratio            float64       // the median of B's to A's
	Near             float64       // share of pairs within 2 % of each other
	Worst            []Pair        // the largest differences, up to maxExamples
}

// Constant reports whether the difference is about the same for all statements,
// short and long ones: what lies between the points at which the two accounts
// look. Nine in ten differ from the median by less than a tenth of a statement's
// duration, or 20 µs.
func (l *Latency) Constant() bool {
	limit := max(l.MedianA/10, 20*time.Microsecond)
	return l.Pairs > 0 && l.Median-l.P5 <= limit && l.P95-l.Median <= limit
}

func latencyOf(a, b *Listing, pairs []Pair) Latency {
	var ofA, ofB, differences []time.Duration
	var ratios []float64
	var both []Pair
	near := 0
	for _, p := range pairs {
		sa, sb := &a.Statements[p.A], &b.Statements[p.B]
		if !sa.Has.Has(FieldDuration) || !sb.Has.Has(FieldDuration) || sa.Duration <= 0 {
			continue
		}
		d := sb.Duration - sa.Duration
		both = append(both, p)
		ofA, ofB, differences = append(ofA, sa.Duration), append(ofB, sb.Duration), append(differences, d)
		ratios = append(ratios, float64(sb.Duration)/float64(sa.Duration))
		if 50*max(d, -d) <= sa.Duration {
			near++
		}
	}
	n := len(both)
	if n < 2 {
		return Latency{}
	}
	l := Latency{
		Pairs: n, MedianA: median(ofA), MedianB: median(ofB), Median: median(differences), Ratio: median(ratios),
		Near: float64(near) / float64(n),
	}
	l.P5, l.P95 = differences[n*5/100], differences[n*95/100] // median has sorted them
	l.Worst = worst(a, b, both, l.Median)
	return l
}

// worst are the pairs whose difference is farthest from the median.
func worst(a, b *Listing, pairs []Pair, from time.Duration) []Pair {
	far := func(p Pair) time.Duration {
		d := b.Statements[p.B].Duration - a.Statements[p.A].Duration - from
		return max(d, -d)
	}
	all := slices.Clone(pairs)
	slices.SortStableFunc(all, func(x, y Pair) int { return cmp.Compare(far(y), far(x)) })
	return all[:min(len(all), maxExamples)]
}
