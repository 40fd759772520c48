// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"testing"

	"github.com/spanbridge/spanbridge/compare/server"
)

// A log that a measurement has had is known by its name, and no other is taken for one.
func TestLogsOfMeasurementsAreKnownByName(t *testing.T) {
	h := host{Options: &Options{Server: &server.Server{}}}
	for _, log := range []string{"general", "slow"} {
		if name := h.file(log); !IsLog(name) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, name := range []string{"", "/var/lib/mysql/slow.log", "spanbridge-cost-general", "/spanbridge-cost-x.log/slow"} {
		if IsLog(name) {
			t.Errorf("%q is taken for a log of a measurement", name)
		}
	}
}
