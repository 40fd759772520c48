// SPDX-License-Identifier: Apache-2.0

package cost

import "testing"

func TestTelemetryThatSendsNothingIsNotMeasured(t *testing.T) {
	for _, c := range []struct {
		installed bool
		endpoint  string
		serves    bool
	}{
		{false, "", false},
		{true, "", false},
		{true, "http://127.0.0.1:4318/v1/traces", true},
	} {
		m := &switched{}
		if m.lackTelemetry(c.installed, c.endpoint); (m.lacks == "") != c.serves {
			t.Errorf("installed %v, endpoint %q: lacks %q", c.installed, c.endpoint, m.lacks)
		}
	}
}
