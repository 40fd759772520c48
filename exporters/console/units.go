// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"time"

	"github.com/spanbridge/spanbridge/bridge/units"
)

// formatDuration renders nanoseconds with three significant digits.
func formatDuration(ns int64) string {
	if ns < 0 {
		return "-" + formatDuration(-max(ns, -1<<62))
	}
	if number, unit := units.Short(ns); unit != "" {
		return number + " " + unit
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
