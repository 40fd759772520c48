// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"path/filepath"
	"testing"
)

// TestEveryAccountAgainstTheJournal ...
func TestEveryAccountAgainstTheJournal(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, "--performance-schema=ON", "--performance-schema-events-statements-history-long-size=100000")
			o := spanbridgeCompare(t, s, "--load", "mixed:statements=10000", "--duration", "60s", "--setup", "--state", filepath.Join(t.TempDir(), "state"), "--report", "/tmp/w/verbdir/report-"+name)
			t.Log(o.code, o.stderr)
			for _, a := range o.result.Accounts {
				t.Logf("%s: %s %d statements, %+v", a.Name, a.Error, a.Statements, a.Coverage)
				if a.Coverage == nil {
					continue
				}
				for _, m := range a.Coverage.Lacks {
					t.Logf("  lacks %d %s %+v", m.Count, m.Reason, m.Examples)
				}
				for _, m := range a.Coverage.Extra {
					t.Logf("  extra %d %s %+v", m.Count, m.Reason, m.Examples)
				}
			}
			for _, v := range o.result.Verdicts {
				t.Logf("%s %s matched %d offsets %v", v.A, v.B, v.Matched, v.Offsets)
				if v.Latency != nil {
					t.Logf("  %s %d %d: %d %d %d ratio %v near %v", v.Latency.Kind, v.Latency.MedianANs, v.Latency.MedianBNs, v.Latency.P5Ns, v.Latency.MedianNs, v.Latency.P95Ns, v.Latency.Ratio, v.Latency.NearShare)
				}
				for _, f := range v.Fields {
					if f.Differ > 0 {
						t.Logf("  %s differ %d %+v", f.Field, f.Differ, f.Examples[:min(2, len(f.Examples))])
					}
				}
			}
		})
	}
}
