// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"strconv"
	"time"
)

// formatDuration renders nanoseconds with three significant digits.
func formatDuration(ns int64) string {
	switch {
	case ns < 0:
		return "-" + formatDuration(-max(ns, -1<<62))
	case ns < 1_000:
		return strconv.FormatInt(ns, 10) + " ns"
	case ns < 999_500:
		return threeDigits(float64(ns)/1e3) + " µs"
	case ns < 999_500_000:
		return threeDigits(float64(ns)/1e6) + " ms"
	case ns < 59_950_000_000:
		return threeDigits(float64(ns)/1e9) + " s"
	}
	d := time.Duration(ns).Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// formatOffset renders a distance in time with its sign: with clocks of several
// machines a span may begin before its parent.
func formatOffset(ns int64) string {
	if ns < 0 {
		return formatDuration(ns)
	}
	return "+" + formatDuration(ns)
}

func threeDigits(v float64) string {
	decimals := 0
	switch {
	case v < 9.995:
		decimals = 2
	case v < 99.95:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// formatCount renders a number with a comma between thousands.
func formatCount(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	out := make([]byte, 0, len(digits)+len(digits)/3)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return string(out)
}
