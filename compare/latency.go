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
	// Of the differences.
	P5, P25, Median, P75, P95 time.Duration
	Ratio                     float64 // the median of B's to A's
	Near                      float64 // share of pairs within 2 % of each other
	// Limit is how far from the median a difference is about the same.
	Limit time.Duration
	// Tail is the share of pairs that differ by something else, by more than the limit.
	Tail float64
	// With is what the difference goes with, "" if it is a constant.
	With  Trait
	Worst []Pair // the largest differences, up to maxExamples
}

// Constant reports whether the difference is about the same for all statements: what lies between the points at
// which the two accounts look. It is one if
//
//   - it is about the same for half of the statements: quartiles are no farther apart than the limit, a tenth of the
//     median duration or 20 µs, and
//   - there is no class of statements for which it is another one: not those of a duration, of a number of rows or of a
//     text (see [Trait]).
//
// The other half is a tail, which may be as long as it likes, and is told apart. It comes about where a thread has to wait
// for a CPU between the points of the two accounts, as one does whose client is woken by the answer. That can happen to
// any statement, and so makes no class.
func (l *Latency) Constant() bool { return l.Pairs > 0 && l.With == "" }

// difference is a pair of which both accounts tell the duration.
type difference struct {
	Pair
	a, b *Statement
	ns   time.Duration // b's minus a's
}

func latencyOf(a, b *Listing, pairs []Pair) Latency {
	var all []difference
	var ofA, ofB []time.Duration
	var ratios []float64
	near := 0
	for _, p := range pairs {
		sa, sb := &a.Statements[p.A], &b.Statements[p.B]
		if !sa.Has.Has(FieldDuration) || !sb.Has.Has(FieldDuration) || sa.Duration <= 0 {
			continue
		}
		d := sb.Duration - sa.Duration
		all = append(all, difference{p, sa, sb, d})
		ofA, ofB = append(ofA, sa.Duration), append(ofB, sb.Duration)
		ratios = append(ratios, float64(sb.Duration)/float64(sa.Duration))
		if 50*max(d, -d) <= sa.Duration {
			near++
		}
	}
	n := len(all)
	if n < 2 {
		return Latency{}
	}
	slices.SortStableFunc(all, func(x, y difference) int { return cmp.Compare(x.ns, y.ns) })
	at := func(percent int) time.Duration { return all[n*percent/100].ns }
	l := Latency{
		Pairs: n, MedianA: median(ofA), MedianB: median(ofB), Ratio: median(ratios), Near: float64(near) / float64(n),
		P5: at(5), P25: at(25), Median: at(50), P75: at(75), P95: at(95),
	}
	l.Limit = max(l.MedianA/10, 20*time.Microsecond)
	below, above := beyond(all, l.Median, l.Limit)
	l.Tail = float64(below+above) / float64(n)
	l.With = l.goesWith(all)
	l.Worst = worst(all, l.Median)
	return l
}

// beyond counts the differences that are farther from a middle than a limit.
func beyond(all []difference, middle, limit time.Duration) (below, above int) {
	for i := range all {
		switch d := all[i].ns - middle; {
		case d < -limit:
			below++
		case d > limit:
			above++
		}
	}
	return below, above
}

// worst are the pairs whose difference is farthest from the median.
func worst(all []difference, from time.Duration) []Pair {
	far := func(d difference) time.Duration { return max(d.ns-from, from-d.ns) }
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(x, y difference) int { return cmp.Or(cmp.Compare(far(y), far(x)), cmp.Compare(x.A, y.A)) })
	pairs := make([]Pair, 0, maxExamples)
	for i := range all[:min(len(all), maxExamples)] {
		pairs = append(pairs, all[i].Pair)
	}
	return pairs
}
