// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// TestLatencyOfProbesAndOfPerformanceSchema: at the sites of Performance Schema the probes measure the same, within 2 %
// at the median. At others there is a constant, whatever else the machine does, and the report names what lies between the points. For
// executions of MariaDB that is also the sending of the answer, which wakes a client: of these half may differ by more.
func TestLatencyOfProbesAndOfPerformanceSchema(t *testing.T) {
	long := []string{"--performance-schema=ON", "--performance-schema-events-statements-history-long-size=50000"}
	for _, c := range []struct {
		name  string
		start func(context.Context, ...servers.Option) (*servers.Server, error)
		args  []string
		sites bool // of Performance Schema can be had
		sends bool // executions are seen to end before the answer is sent, at other sites
	}{
		{"mariadb 10.11", servers.StockMariaDB, long, false, true}, // its symbol file is not there
		{"mariadb 11.8", servers.MariaDB118, long, true, true},
		{"mysql", servers.MySQL, nil, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := started(t, c.start, c.args...)
			compared := func(detail string) *report.Latency {
				o := spanbridgeCompare(t, s, "--load", "mixed:statements=3000", "--duration", "60s", "--setup", "--detail", detail,
					"--state", filepath.Join(t.TempDir(), "state"), "--accounts", "probes,perfschema")
				if o.code != 0 {
					t.Fatal(o.stderr)
				}
				l := o.verdict(t, "probes", "perfschema").Latency
				if l == nil {
					t.Fatalf("no durations are compared: %s", o.stderr)
				}
				t.Logf("%s: %s %s; probes %v, Performance Schema %v at the median, difference %v (5 %%: %v, half: %v to %v, 95 %%: %v), "+
					"%.1f %% beyond %v, %+v, ratio %.4f; only probes %q, only the other %q", detail, l.Kind, l.VariesWith, time.Duration(l.MedianANs),
					time.Duration(l.MedianBNs), time.Duration(l.MedianNs), time.Duration(l.P5Ns), time.Duration(l.HalfFromNs), time.Duration(l.HalfToNs),
					time.Duration(l.P95Ns), 100*l.TailShare, time.Duration(l.LimitNs), l.Commands, l.Ratio, l.OnlyA, l.OnlyB)
				return l
			}
			if c.sites {
				at := compared("stages")
				if at.Kind != report.Same || math.Abs(at.Ratio-1) > 0.02 || len(at.OnlyA)+len(at.OnlyB) > 0 || at.Pairs < 2000 {
					t.Errorf("at the sites of Performance Schema: %s, ratio %v, %d pairs", at.Kind, at.Ratio, at.Pairs)
				}
			}
			off := compared("query")
			want := []string{"reading the rest of the packet", "writing logs and cleaning up"}
			if off.MedianNs <= 0 || off.MedianNs > int64(200*time.Microsecond) || len(off.OnlyA) > 0 || !slices.Equal(off.OnlyB, want) {
				t.Errorf("at other sites: %+v", off)
			}
			if !c.sends {
				if off.Kind == report.Varies {
					t.Errorf("at other sites it varies with %s: %+v", off.VariesWith, off)
				}
				return
			}
			if len(off.Commands) != 2 {
				t.Fatalf("queries and executions differ by the same: %+v", off)
			}
			queries, executions := off.Commands[0], off.Commands[1]
			if queries.HalfToNs-queries.HalfFromNs > off.LimitNs || !slices.Equal(queries.OnlyB, want) || queries.Pairs < 1500 {
				t.Errorf("queries: %+v", queries)
			}
			if executions.MiddleNs <= queries.MiddleNs || !slices.Contains(executions.OnlyB, "sending the end of the answer") {
				t.Errorf("executions: %+v", executions)
			}
		})
	}
}
