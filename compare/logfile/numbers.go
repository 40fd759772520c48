// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"math"
	"time"
)

// Uint reads a decimal number that fills b.
func Uint(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' || n > (math.MaxUint64-9)/10 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// Seconds reads a decimal number of seconds that fills b, such as 0.000123; digits below
// the nanosecond are left out.
func Seconds(b []byte) (d time.Duration, ok bool) {
	whole, fraction := b, []byte(nil)
	for i, c := range b {
		if c == '.' {
			if whole, fraction = b[:i], b[i+1:]; len(fraction) == 0 {
				return 0, false
			}
			break
		}
	}
	n, ok := Uint(whole)
	if !ok || n > math.MaxInt64/2_000_000_000 {
		return 0, false
	}
	ns, unit := int64(0), int64(1e8)
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return 0, false
		}
		ns += int64(c-'0') * unit
		unit /= 10
	}
	return time.Duration(int64(n)*1e9 + ns), true
}
