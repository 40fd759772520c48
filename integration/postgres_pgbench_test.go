// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/spanbridge/spanbridge/integration/servers"
)

const pgbenchSeconds = 10

// pgbench runs Debian's pgbench against a server and returns how many
// transactions it reports.
func pgbench(t *testing.T, server *servers.Server, args ...string) int {
	t.Helper()
	args = append(args, "-h", "127.0.0.1", "-p", strconv.Itoa(server.Port), "-U", servers.User, servers.Database)
	cmd := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(server.Binary), "pgbench"), args...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+servers.Password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	match := regexp.MustCompile(`number of transactions actually processed: (\d+)`).FindSubmatch(out)
	if match == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(match[1]))
	return n
}

// The statements of pgbench's transactions, sanitised, as far as they are without
// parameters, which are no literals. In JSON a text ends with a quotation mark.
var pgbenchScripts = map[string][]string{
	"-S": {"SELECT abalance FROM pgbench_accounts WHERE aid = "},
	"-N": {
		`BEGIN"`,
		"UPDATE pgbench_accounts SET abalance = abalance + ",
		"SELECT abalance FROM pgbench_accounts WHERE aid = ",
		"INSERT INTO pgbench_history ",
		`END"`,
	},
}

// pgbench counts its transactions; the spans must be as many.
func TestPgbenchAtFullSpeedLosesNothing(t *testing.T) {
	server := startPostgres(t)
	pgbench(t, server, "-i", "-q", "-s", "1")
	for _, script := range []string{"-S", "-N"} {
		for _, protocol := range []string{"simple", "extended", "prepared"} {
			t.Run(script+" "+protocol, func(t *testing.T) {
				b := startBridge(t, targetArgs(server, "--detail", "query")...)
				transactions := pgbench(t, server, script, "-n", "-M", protocol, "-c", "2", "-T", strconv.Itoa(pgbenchSeconds))
				r, spans, begun := b.stopAndCount(pgbenchScripts[script]...)
				r.mustClose(t)
				if transactions < 100 {
					t.Errorf("%d transactions in %d s are too few to show anything", transactions, pgbenchSeconds)
				}
				t.Logf("%d transactions, %d spans", transactions, spans)
				total := 0
				for _, statement := range pgbenchScripts[script] {
					if begun[statement] != transactions {
						t.Errorf("%d spans of %s, pgbench ran %d", begun[statement], statement, transactions)
					}
					total += begun[statement]
				}
				// Before it begins, pgbench asks for the scale and for partitions.
				if others := spans - total; others > 2 {
					t.Errorf("%d spans of statements that pgbench did not run", others)
				}
				r.wantNothingLost(t)
			})
		}
	}
}
