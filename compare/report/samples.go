// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/spanbridge/spanbridge/compare"
)

const (
	bins = 40
	// mostPoints bounds the sample of a scatter plot, and so the size of a page.
	mostPoints = 400
)

// both lists the durations of A and B, of the pairs that have both, nanoseconds.
func both(pairs []compare.Pair, a, b *compare.Listing) [][2]int64 {
	var all [][2]int64
	for _, p := range pairs {
		sa, sb := &a.Statements[p.A], &b.Statements[p.B]
		if sa.Has.Has(compare.FieldDuration) && sb.Has.Has(compare.FieldDuration) && sa.Duration > 0 {
			all = append(all, [2]int64{int64(sa.Duration), int64(sb.Duration)})
		}
	}
	return all
}

// histogramOf counts the differences in bins that are as wide as their distance from
// 0 asks for: from the first to the last hundredth, the rest is below and above.
func histogramOf(durations [][2]int64) Histogram {
	differences := make([]int64, len(durations))
	for i, d := range durations {
		differences[i] = d[1] - d[0]
	}
	slices.Sort(differences)
	n := len(differences)
	h := Histogram{EdgesNs: edges(differences[n/100], differences[n-1-n/100]+1)}
	h.Counts = make([]int, len(h.EdgesNs)-1)
	for _, d := range differences {
		switch i, found := slices.BinarySearch(h.EdgesNs, d); {
		case found && i < len(h.Counts):
			h.Counts[i]++
		case i == 0:
			h.Below++
		case i == len(h.EdgesNs) || found:
			h.Above++
		default:
			h.Counts[i-1]++
		}
	}
	return h
}

// edges divides a range evenly on a scale that is logarithmic on both sides of 0.
func edges(from, to int64) []int64 {
	low, high := signedLog(float64(from)), signedLog(float64(to))
	all := []int64{from}
	for i := 1; i < bins; i++ {
		edge := int64(math.Round(fromSignedLog(low + (high-low)*float64(i)/bins)))
		if edge > all[len(all)-1] && edge < to {
			all = append(all, edge)
		}
	}
	return append(all, to)
}

// linear is the difference up to which signedLog is about linear, nanoseconds.
const linear = 1e3

func signedLog(ns float64) float64 { return math.Copysign(math.Log10(1+math.Abs(ns)/linear), ns) }

func fromSignedLog(v float64) float64 {
	return math.Copysign(linear*(math.Pow(10, math.Abs(v))-1), v)
}

// sample takes so many of the durations that a plot shows their shape: evenly by
// A's, and of the differences the largest tenth of the sample, since what is rare is
// what is looked for.
func sample(durations [][2]int64) [][2]int64 {
	if len(durations) <= mostPoints {
		return durations
	}
	far := func(d [2]int64) int64 { return max(d[1]-d[0], d[0]-d[1]) }
	all := slices.Clone(durations)
	slices.SortFunc(all, func(x, y [2]int64) int { return cmp.Compare(far(y), far(x)) })
	const rare = mostPoints / 10
	points := slices.Clone(all[:rare])
	rest := all[rare:]
	slices.SortFunc(rest, func(x, y [2]int64) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) })
	for i := range mostPoints - rare {
		points = append(points, rest[i*len(rest)/(mostPoints-rare)])
	}
	return points
}
