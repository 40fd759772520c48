// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"strconv"
	"time"

	"github.com/spanbridge/spanbridge/bridge/units"
)

const (
	minus = "−"
	// space is between a number and its unit, which belong on one line.
	space = "\u00a0"
)

// duration renders nanoseconds with three significant digits.
func (w *words) duration(ns int64) string {
	if ns < 0 {
		return minus + w.duration(-max(ns, -1<<62))
	}
	switch number, unit := units.Short(ns); unit {
	case "":
		return w.clockTime(time.Duration(ns).Round(time.Second))
	case "s":
		return w.say("unit.second", "n", number)
	default:
		return number + space + unit
	}
}

// clockTime renders hours, minutes and seconds, those that are not 0.
func (w *words) clockTime(d time.Duration) string {
	said := ""
	for _, part := range []struct {
		n    time.Duration
		unit string
	}{{d / time.Hour, "unit.hour"}, {d / time.Minute % 60, "unit.minute"}, {d / time.Second % 60, "unit.second"}} {
		switch text := w.say(part.unit, "n", strconv.Itoa(int(part.n))); {
		case part.n == 0:
		case said == "":
			said = text
		default:
			said = w.say("unit.both", "a", said, "b", text)
		}
	}
	return said
}

// difference renders nanoseconds with their sign.
func (w *words) difference(ns int64) string {
	if ns > 0 {
		return "+" + w.duration(ns)
	}
	return w.duration(ns)
}

// percent renders a share. What is nearly all, and nearly nothing, never becomes all
// or nothing by rounding.
func (w *words) percent(share float64) string {
	text := "100"
	switch {
	case share == 0:
		text = "0"
	case share > 0 && share < 0.0001:
		text = "<0.01"
	case share < 0.01:
		text = strconv.FormatFloat(100*share, 'f', 2, 64)
	case share > 0.999 && share < 1:
		text = strconv.FormatFloat(math.Floor(1e4*share)/100, 'f', 2, 64)
	case share < 1:
		text = strconv.FormatFloat(100*share, 'f', 1, 64)
	}
	return w.say("percent", "n", text)
}

// ratio renders a factor.
func ratio(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// seconds renders a time that is known to be short, in seconds.
func (w *words) seconds(s float64) string { return w.duration(int64(s * 1e9)) }
