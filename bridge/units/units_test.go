// SPDX-License-Identifier: Apache-2.0

package units

import (
	"math"
	"testing"
)

func TestShortDurationsHaveThreeDigits(t *testing.T) {
	for ns, want := range map[int64][2]string{
		0: {"0", "ns"}, 999: {"999", "ns"}, 1000: {"1.00", "µs"}, 9_994: {"9.99", "µs"}, 9_999: {"10.0", "µs"}, 99_960: {"100", "µs"},
		999_499: {"999", "µs"}, 999_500: {"1.00", "ms"}, 12e6: {"12.0", "ms"}, 999_500_000: {"1.00", "s"}, 59_949e6: {"59.9", "s"},
		59_950e6: {}, math.MaxInt64: {}, -1: {}, math.MinInt64: {},
	} {
		if number, unit := Short(ns); number != want[0] || unit != want[1] {
			t.Errorf("%d ns are %q %q, want %q", ns, number, unit, want)
		}
	}
}

func TestThousandsAreParted(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 123_456: "123,456", 1_234_567: "1,234,567", math.MaxUint64: "18,446,744,073,709,551,615"} {
		if got := Count(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	if got := Count(int(12_345)); got != "12,345" {
		t.Error(got)
	}
}
