// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// axis places values on a scale from 0 to 100, as charts need them: they are as
// wide as there is room, so that all places are shares.
type axis struct {
	low, high float64 // as scale gives them
	scale     func(float64) float64
	ticks     []tick
}

type tick struct {
	At    float64
	Label string
	Zero  bool
}

// at places a value; what is beyond the axis lies at its end.
func (a *axis) at(v float64) float64 {
	if a.high <= a.low {
		return 50
	}
	return min(max(100*(a.scale(v)-a.low)/(a.high-a.low), 0), 100)
}

// across is a place as an attribute of SVG, and up the same from below.
func across(at float64) string { return strconv.FormatFloat(at, 'f', 2, 64) + "%" }
func up(at float64) string     { return across(100 - at) }

// logAxis is for durations, from one power of ten to another.
func logAxis(w *words, low, high int64) *axis {
	first := math.Floor(math.Log10(float64(max(low, 1))))
	last := max(math.Ceil(math.Log10(float64(max(high, 1)))), first+1)
	a := &axis{low: first, high: last, scale: func(v float64) float64 { return math.Log10(max(v, 1)) }}
	for e := first; e <= last; e++ {
		ns := math.Pow(10, e)
		a.ticks = append(a.ticks, tick{At: a.at(ns), Label: shortDuration(w, int64(ns))})
	}
	return a
}

// signedAxis is logarithmic on both sides of 0; each label takes so much of its room.
func signedAxis(w *words, low, high int64, room float64) *axis {
	a := &axis{low: signedLog(float64(low)), high: signedLog(float64(high)), scale: signedLog}
	for _, multiple := range []float64{0, 1, 5, 2, 3, 1.5, 7} {
		for e := 10.0; e >= 0; e-- {
			a.mark(w, multiple*math.Pow(10, e), room)
			a.mark(w, -multiple*math.Pow(10, e), room)
		}
		if len(a.ticks) > 2 {
			break
		}
	}
	if len(a.ticks) < 2 { // a narrow range has no such numbers
		a.ticks = nil
		for _, t := range linearAxis(float64(low), float64(high), 3, strconvNs).ticks {
			if ns, err := strconv.ParseInt(t.Label, 10, 64); err == nil {
				a.ticks = append(a.ticks, tick{At: a.at(float64(ns)), Label: w.difference(ns), Zero: ns == 0})
			}
		}
	}
	slices.SortFunc(a.ticks, func(x, y tick) int { return cmp.Compare(x.At, y.At) })
	return a
}

// mark puts a tick where there is room for its label.
func (a *axis) mark(w *words, ns, room float64) {
	v := a.scale(ns)
	if at := a.at(ns); v >= a.low && v <= a.high && !slices.ContainsFunc(a.ticks, func(t tick) bool { return math.Abs(t.At-at) < room }) {
		a.ticks = append(a.ticks, tick{At: at, Label: signed(w, int64(ns)), Zero: ns == 0})
	}
}

// linearAxis has about so many ticks at round numbers.
func linearAxis(low, high float64, about int, label func(float64) string) *axis {
	a := &axis{low: low, high: high, scale: func(v float64) float64 { return v }}
	step := roundStep((high - low) / float64(about))
	for v := math.Ceil(low/step) * step; v <= high+step/1e3; v += step {
		v := math.Round(v/step) * step
		// Values that are too near to each other to be told apart get one label.
		if n := len(a.ticks); n == 0 || a.ticks[n-1].Label != label(v) {
			a.ticks = append(a.ticks, tick{At: a.at(v), Label: label(v), Zero: v == 0})
		}
	}
	return a
}

// roundStep is 1, 2 or 5 times a power of ten, not less than v.
func roundStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// shortDuration labels a round duration.
func shortDuration(w *words, ns int64) string {
	in := func(unit float64) string { return strconv.FormatFloat(float64(ns)/unit, 'f', -1, 64) }
	switch far := max(ns, -ns); {
	case far >= 1e9:
		return w.say("unit.second", "n", in(1e9))
	case far >= 1e6:
		return in(1e6) + space + "ms"
	case far >= 1e3:
		return in(1e3) + space + "µs"
	}
	return in(1) + space + "ns"
}

// signed labels a round difference.
func signed(w *words, ns int64) string {
	switch {
	case ns == 0:
		return "0"
	case ns < 0:
		return minus + shortDuration(w, -ns)
	}
	return "+" + shortDuration(w, ns)
}

// trimmed renders a round number.
func trimmed(v float64) string { return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) }

func strconvNs(v float64) string { return strconv.FormatInt(int64(v), 10) }
