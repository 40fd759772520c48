// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// TestEveryAccountIsHeldAgainstTheJournal: of 10,000 statements the probes have each one, and what any other account
// lacks has its reason.
func TestEveryAccountIsHeldAgainstTheJournal(t *testing.T) {
	for _, c := range []struct {
		name     string
		args     []string
		accounts []string // that have to be there
	}{
		{
			"mariadb", []string{"--performance-schema=ON", "--performance-schema-events-statements-history-long-size=50000"},
			[]string{"probes", "perfschema", "wire", "slowlog", "generallog"},
		},
		{"mysql", nil, []string{"probes", "perfschema", "telemetry", "wire", "slowlog", "generallog"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ready(t, c.name, c.args...)
			before := settingsOf(t, s)
			o := spanbridgeCompare(t, s, "--load", "mixed:statements=10000", "--duration", "90s", "--setup",
				"--state", filepath.Join(t.TempDir(), "state"), "--fail-below", "90")
			if o.code != 0 || o.result == nil || o.result.Reference != "journal" || o.account(t, "journal").Statements < 10_000 {
				t.Fatalf("code %d: %s", o.code, o.stderr)
			}
			for _, name := range c.accounts {
				a := o.account(t, name)
				if a.Coverage == nil {
					t.Fatalf("%s: %s", name, a.Error)
				}
				lacks := 0
				for _, m := range a.Coverage.Lacks {
					lacks += m.Count
					t.Logf("%s lacks %d: %s", name, m.Count, m.Reason)
				}
				if a.Coverage.Unexplained > 0 || a.Coverage.Seen+lacks != a.Coverage.Expected || len(a.Coverage.Extra) > 0 {
					t.Errorf("%s: %+v", name, a.Coverage)
				}
				if name == "probes" && a.Coverage.Seen != a.Coverage.Expected {
					t.Errorf("the probes have %d of %d", a.Coverage.Seen, a.Coverage.Expected)
				}
			}
			if diff := cmp.Diff(before, settingsOf(t, s)); diff != "" {
				t.Errorf("settings are not what they were:\n%s", diff)
			}
		})
	}
}

// ready starts a server from which every account can be had.
func ready(t *testing.T, name string, args ...string) *servers.Server {
	t.Helper()
	if name != "mysql" {
		return startServer(t, name, args...)
	}
	s := startServer(t, name, append([]string{
		"--loose-telemetry.otel_exporter_otlp_traces_endpoint=http://" + freePort(t) + "/v1/traces",
		"--loose-telemetry.otel_bsp_schedule_delay=200",
	}, args...)...)
	if _, err := handle(t, s).Exec("INSTALL COMPONENT 'file://component_telemetry'"); err != nil {
		t.Fatal(err)
	}
	return s
}
