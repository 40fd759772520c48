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

// The statements of pgbench's transactions, sanitised; the extended protocol has
// parameters, which are no literals.
var pgbenchScripts = map[string][]*regexp.Regexp{
	"-S": {regexp.MustCompile(`^SELECT abalance FROM pgbench_accounts WHERE aid = `)},
	"-N": {
		regexp.MustCompile(`^BEGIN$`),
		regexp.MustCompile(`^UPDATE pgbench_accounts SET abalance = abalance \+ \S+ WHERE aid = `),
		regexp.MustCompile(`^SELECT abalance FROM pgbench_accounts WHERE aid = `),
		regexp.MustCompile(`^INSERT INTO pgbench_history `),
		regexp.MustCompile(`^END$`),
	},
}

// pgbench counts its transactions; the spans must be as many.
func TestPgbenchAtFullSpeedLosesNothing(t *testing.T) {
	server := startPostgres(t)
	pgbench(t, server, "-i", "-q", "-s", "1")
	for _, script := range []string{"-S", "-N"} {
		for _, protocol := range []string{"simple", "extended", "prepared"} {
			t.Run(script+" "+protocol, func(t *testing.T) {
				transactions := 0
				r := watch(t, server, func() {
					transactions = pgbench(t, server, script, "-n", "-M", protocol, "-c", "2", "-T", strconv.Itoa(pgbenchSeconds))
				}, "--detail", "query")
				if transactions < 100 {
					t.Errorf("%d transactions in %d s are too few to show anything", transactions, pgbenchSeconds)
				}
				t.Logf("%d transactions, %d spans", transactions, len(r.spans))
				total := 0
				for _, statement := range pgbenchScripts[script] {
					n := 0
					for i := range r.spans {
						if statement.MatchString(r.spans[i].text()) {
							n++
						}
					}
					if n != transactions {
						t.Errorf("%d spans of %s, pgbench ran %d", n, statement, transactions)
					}
					total += n
				}
				// Before it begins, pgbench asks for the scale and for partitions.
				if others := len(r.spans) - total; others > 2 {
					t.Errorf("%d spans of statements that pgbench did not run", others)
				}
				r.wantNothingLost(t)
			})
		}
	}
}
