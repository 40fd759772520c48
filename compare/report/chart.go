// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/bridge/units"
)

// barChart is a histogram.
type barChart struct {
	Bars       []bar
	X, Y       []tick
	Low, Width float64 // what lies between the 5th and the 95th percentile
	Median     float64
	Alt        string
	Beyond     string
	Figures    []fact
}

// bar stands at the bottom of the chart.
type bar struct{ X, Width, Height float64 }

// barsOf draws the histogram of a pair's differences.
func barsOf(w *words, v *Verdict) barChart {
	h := &v.Latency.Histogram
	x := signedAxis(w, h.EdgesNs[0], h.EdgesNs[len(h.EdgesNs)-1], 22)
	y := linearAxis(0, 1.05*float64(max(slices.Max(h.Counts), 1)), 3, func(v float64) string { return units.Count(int(v)) })
	low, high := x.at(float64(v.Latency.P5Ns)), x.at(float64(v.Latency.P95Ns))
	c := barChart{
		X: x.ticks, Y: y.ticks, Low: low, Width: high - low, Median: x.at(float64(v.Latency.MedianNs)),
		Alt: w.say("latency.histogram-of", "a", w.account(v.A), "b", w.account(v.B)),
	}
	for i, k := range h.Counts {
		if k > 0 {
			from, to := h.EdgesNs[i], h.EdgesNs[i+1]
			at := x.at(float64(from))
			c.Bars = append(c.Bars, bar{at, 0.88 * (x.at(float64(to)) - at), y.at(float64(k))})
			c.Figures = append(c.Figures, fact{w.difference(from) + " … " + w.difference(to), units.Count(k)})
		}
	}
	if h.Below+h.Above > 0 {
		c.Beyond = w.say("latency.beyond", "below", units.Count(h.Below), "above", units.Count(h.Above))
	}
	return c
}

// scatter is a square with a dot for each statement.
type scatter struct {
	Ticks   []tick // of both sides
	Dots    string // the path that draws them, in 1000 units each way
	Alt     string
	Sampled string
}

// scatterOf draws each dot as a line without length: its round ends are of the same
// size however the square is stretched.
func scatterOf(w *words, v *Verdict) scatter {
	points := v.Latency.Scatter
	low, high := int64(math.MaxInt64), int64(0)
	for _, p := range points {
		low, high = min(low, p[0], p[1]), max(high, p[0], p[1])
	}
	a := logAxis(w, low, high)
	var dots strings.Builder
	for _, p := range points {
		fmt.Fprintf(&dots, "M%.0f %.0fh0", 10*a.at(float64(p[0])), 1000-10*a.at(float64(p[1])))
	}
	return scatter{
		Ticks: a.ticks, Dots: dots.String(), Alt: w.say("latency.scatter-of", "a", w.account(v.A), "b", w.account(v.B)),
		Sampled: w.say("latency.sampled", "n", units.Count(len(points)), "pairs", units.Count(v.Latency.Pairs)),
	}
}
