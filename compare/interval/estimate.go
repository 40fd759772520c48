// SPDX-License-Identifier: Apache-2.0

package interval

import (
	"math"
	"slices"
)

// Confidence is the share of cases in which the truth lies within the bounds.
const Confidence = 0.95

// Least is how many pairs it takes: of 2^5 ways to draw the signs of 5 values
// already two extreme ones are more than 5 %.
const Least = 6

// most bounds the work: with more values only as many are used, evenly spread.
const most = 2000

// Estimate is a value and the bounds of its interval; zero: there is none.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// IsZero reports whether nothing was estimated.
func (e Estimate) IsZero() bool { return e == Estimate{} }

// Within reports whether a value lies between the bounds.
func (e Estimate) Within(x float64) bool { return e.Low <= x && x <= e.High }

// Overlaps reports whether two intervals have a value in common.
func (e Estimate) Overlaps(o Estimate) bool { return e.Low <= o.High && o.Low <= e.High }

// Of estimates the centre of values, such as differences of pairs.
func Of(values []float64) Estimate {
	if len(values) < Least {
		return Estimate{}
	}
	values = thin(values)
	walsh := make([]float64, 0, len(values)*(len(values)+1)/2)
	for i, a := range values {
		for _, b := range values[i:] {
			walsh = append(walsh, (a+b)/2)
		}
	}
	slices.Sort(walsh)
	k := refused(len(values))
	return Estimate{Value: middle(walsh), Low: walsh[k], High: walsh[len(walsh)-1-k]}
}

// Ratios estimates the ratio of values to those that they are paired with. Pairs of
// which one is not positive are left out.
func Ratios(values, to []float64) Estimate {
	logs := make([]float64, 0, len(values))
	for i, v := range values {
		if v > 0 && to[i] > 0 {
			logs = append(logs, math.Log(v/to[i]))
		}
	}
	e := Of(logs)
	if len(logs) < Least {
		return e
	}
	return Estimate{Value: math.Exp(e.Value), Low: math.Exp(e.Low), High: math.Exp(e.High)}
}

// Median returns the median of values in any order, 0 if there are none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return middle(slices.Sorted(slices.Values(values)))
}

// middle is the median of sorted values.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func thin(values []float64) []float64 {
	if len(values) <= most {
		return values
	}
	kept := make([]float64, most)
	for i := range kept {
		kept[i] = values[i*len(values)/most]
	}
	return kept
}

// refused returns how many Walsh averages of n values lie outside of the interval, on
// each side: the largest k that the statistic does not exceed in at most 2.5 % of cases.
func refused(n int) int {
	const tail = (1 - Confidence) / 2
	if n > exact {
		// The normal approximation; its error is below one average in a thousand here.
		mean := float64(n) * float64(n+1) / 4
		deviation := math.Sqrt(float64(n) * float64(n+1) * float64(2*n+1) / 24)
		return int(mean - 1.959964*deviation - 0.5)
	}
	// ways[s] is how many of the 2^n sets of ranks have the sum s, as a share.
	ways := make([]float64, n*(n+1)/2+1)
	ways[0] = 1
	for rank := 1; rank <= n; rank++ {
		for s := len(ways) - 1; s >= 0; s-- {
			ways[s] /= 2
			if s >= rank {
				ways[s] += ways[s-rank] / 2
			}
		}
	}
	k, below := 0, 0.0
	for ; below+ways[k] <= tail; k++ {
		below += ways[k]
	}
	return k - 1
}

// exact is up to how many values the distribution is computed.
const exact = 200
