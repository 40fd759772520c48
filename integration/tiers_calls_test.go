// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// quiet is how many statements are run that wait for nothing but the network.
const quiet = 1000

// The server tells of its waits for the network where it tells of all waits. A
// statement hits the entries of dispatch_command, mysql_execute_command and
// log_slow_statement, and nothing else.
func TestStatementsThatDoNotWaitHitNoProbeOfAWait(t *testing.T) {
	stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		t.Fatal(err)
	}
	defer stats.Close()
	for _, tier := range allTiers {
		if tier.name != "uprobe" {
			continue
		}
		t.Run(tier.title(), func(t *testing.T) {
			server := startServer(t, tier)
			c := connect(t, server, "")
			b := startBridge(t, targetArgs(server, "--detail", "phases")...)
			before := b.hits()
			for range quiet {
				c.must("SELECT 1")
			}
			c.settle() // a command is a hit, too
			hits := b.hits() - before
			c.must("SELECT SLEEP(0.01)")
			c.settle()
			r := b.stop()
			r.mustClose(t)
			// The server's own threads flush the redo log now and then.
			if hits < 3*quiet || hits > 3*quiet+quiet/20 {
				t.Errorf("%d hits of probes by %d statements, want %d", hits, quiet, 3*quiet)
			}
			want := map[string]uint64{"starts": 1, "paired": 1, "inlined": 1}
			if diff := cmp.Diff(want, r.ledger["mariadb/wait/uprobe"]); diff != "" {
				t.Errorf("ledger of waits (-want +got):\n%s", diff)
			}
		})
	}
}

// hits is how many times the bridge's programs on probes have run, while the
// kernel counts that.
func (b *runningBridge) hits() (n uint64) {
	b.t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", b.cmd.Process.Pid))
	if err != nil {
		b.t.Fatal(err)
	}
	programs := make(map[string]uint64) // by id: a link keeps a program too
	for _, path := range paths {
		info, err := os.ReadFile(path)
		if err != nil {
			continue // it was closed meanwhile
		}
		field := func(name string) string {
			match := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+)$`).FindSubmatch(info)
			if match == nil {
				return ""
			}
			return string(match[1])
		}
		if field("prog_type") == strconv.Itoa(int(ebpf.Kprobe)) {
			programs[field("prog_id")], _ = strconv.ParseUint(field("run_cnt"), 10, 64)
		}
	}
	if len(programs) == 0 {
		b.t.Fatalf("spanbridge has no programs among %d files", len(paths))
	}
	for _, runs := range programs {
		n += runs
	}
	return n
}

// atEntries is the built-in profile without at_calls.
func atEntries(t *testing.T) string {
	t.Helper()
	profile, err := os.ReadFile("../probes/catalog/mariadb.yaml")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`(?m)^ *(at_calls|except): .*\n`)
	if n := len(keys.FindAll(profile, -1)); n != 4 {
		t.Fatalf("the profile has %d keys about calls, want 4", n)
	}
	path := filepath.Join(t.TempDir(), "mariadb.yaml")
	if err := os.WriteFile(path, keys.ReplaceAll(profile, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// waitsOfAllKinds makes one connection wait for another one, or for a disk.
func waitsOfAllKinds(t *testing.T, server *servers.Server) {
	holder, waiting := connect(t, server, ""), connect(t, server, "")
	waiting.must("SELECT SLEEP(0.05)")
	holder.must("BEGIN")
	holder.must("SELECT price FROM items WHERE id = 70 FOR UPDATE")
	waitFor(t, waiting, "UPDATE items SET price = price WHERE id = 70", func() { holder.must("COMMIT") })
	holder.must("LOCK TABLES items WRITE")
	waitFor(t, waiting, "SELECT COUNT(*) FROM items", func() { holder.must("UNLOCK TABLES") })
	holder.must("SELECT GET_LOCK('named', 1)")
	waitFor(t, waiting, "SELECT GET_LOCK('named', 1)", func() { holder.must("SELECT RELEASE_LOCK('named')") })
	holder.must("FLUSH TABLES WITH READ LOCK")
	waitFor(t, waiting, "DELETE FROM items WHERE id = 71", func() { holder.must("UNLOCK TABLES") })
	// A table without transactions is locked as a whole.
	holder.must("CREATE TABLE flat (id INT PRIMARY KEY) ENGINE=MyISAM")
	holder.must("INSERT INTO flat VALUES (1), (2)")
	waitFor(t, waiting, "SELECT SLEEP(0.3) FROM flat", func() { holder.must("UPDATE flat SET id = 3 WHERE id = 2") })
	holder.must("DROP TABLE flat")
	for range 20 {
		holder.must("INSERT INTO log (line) VALUES ('logged')")
	}
	holder.settle()
	waiting.settle()
}

func TestWaitsAtCallsAreThoseAtEntries(t *testing.T) {
	t.Parallel()
	for _, tier := range allTiers {
		if tier.name != "uprobe" {
			continue
		}
		t.Run(tier.title(), func(t *testing.T) {
			server := startServer(t, tier, "--log-bin=binlog", "--server-id=1", "--sync-binlog=1")
			createItems(t, server)
			var atCalls *result
			entries := watch(t, server, func() {
				atCalls = watch(t, server, func() { waitsOfAllKinds(t, server) })
			}, "--profile", atEntries(t))
			got, want := waitsByName(atCalls), waitsByName(entries)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("waits at entries (-) and at calls (+):\n%s", diff)
			}
			for _, name := range []string{"sleep", "row lock wait", "metadata lock wait", "table lock wait", "sync wait", "group commit"} {
				if got[name] == 0 {
					t.Errorf("no %s among %v", name, got)
				}
			}
			row := atCalls.ledger["mariadb/wait/uprobe"]
			for _, kind := range []string{"unwanted", "replaced", "no_start"} { // threads wait between statements too
				if row[kind] != 0 {
					t.Errorf("ledger of waits at calls: %v", row)
				}
			}
			if row["starts"] != entries.ledger["mariadb/wait/uprobe"]["starts"] {
				t.Errorf("ledger of waits: %v at calls, %v at entries", row, entries.ledger["mariadb/wait/uprobe"])
			}
		})
	}
}

// waitsByName counts the spans of waits.
func waitsByName(r *result) map[string]int {
	names := make(map[string]int)
	for _, s := range r.spans {
		if s.Attrs["db.query.text"] == nil {
			names[s.Name]++
		}
	}
	return names
}
