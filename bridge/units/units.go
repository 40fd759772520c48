// SPDX-License-Identifier: Apache-2.0

// Package units renders durations and counts as people read them.
package units

import "strconv"

// Short renders nanoseconds below a minute with three significant digits, and names their unit. What is longer, and
// what is below 0, has no unit: how minutes are told is a matter of language, and of room.
func Short(ns int64) (number, unit string) {
	switch {
	case ns < 0:
		return "", ""
	case ns < 1_000:
		return strconv.FormatInt(ns, 10), "ns"
	case ns < 999_500:
		return threeDigits(float64(ns) / 1e3), "µs"
	case ns < 999_500_000:
		return threeDigits(float64(ns) / 1e6), "ms"
	case ns < 59_950_000_000:
		return threeDigits(float64(ns) / 1e9), "s"
	}
	return "", ""
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

// Count renders a number, not below 0, with a comma between thousands.
func Count[N int | uint64](n N) string {
	digits := strconv.FormatUint(uint64(n), 10)
	out := make([]byte, 0, len(digits)+len(digits)/3)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return string(out)
}
