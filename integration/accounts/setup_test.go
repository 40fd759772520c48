// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"bufio"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/program"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// TestWhatAKilledComparisonHasChangedIsPutBack: settings are exactly what they were, whatever happens, and a
// second comparison does not begin before that.
func TestWhatAKilledComparisonHasChangedIsPutBack(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, "--long-query-time=7.5", "--log-output=TABLE")
			before := settingsOf(t, s)
			state := filepath.Join(t.TempDir(), "state.json")
			killed(t, s, "--setup", "--state", state, "--accounts", "probes,slowlog,generallog,perfschema", "--duration", "60s")
			if cmp.Equal(before, settingsOf(t, s)) {
				t.Fatal("nothing was changed")
			}
			again := spanbridgeCompare(t, s, "--setup", "--state", state, "--duration", "1s")
			if again.code == 0 || !strings.Contains(again.stderr, "spanbridge compare --restore --state "+state) {
				t.Errorf("a second comparison: code %d, %s", again.code, again.stderr)
			}
			restored := spanbridgeCompare(t, s, "--restore", "--state", state)
			if restored.code != 0 || !strings.Contains(restored.stderr, "all settings are put back") {
				t.Errorf("restore: code %d, %s", restored.code, restored.stderr)
			}
			if diff := cmp.Diff(before, settingsOf(t, s)); diff != "" {
				t.Errorf("settings are not what they were:\n%s", diff)
			}
			if _, err := os.Stat(state); !os.IsNotExist(err) {
				t.Errorf("the state file is still there: %v", err)
			}
			spanbridgeCompare(t, s, "--setup", "--state", state, "--load", "mixed:statements=100", "--duration", "10s")
			if diff := cmp.Diff(before, settingsOf(t, s)); diff != "" {
				t.Errorf("settings are not what they were after a comparison that ended:\n%s", diff)
			}
			alone := spanbridgeCompare(t, s, "--accounts", "wire,slowlog", "--duration", "60s")
			if alone.code != 3 || !strings.Contains(alone.stderr, "only wire can be had") {
				t.Errorf("one account alone: code %d, %s", alone.code, alone.stderr)
			}
			if left := captures(t, s.Port); len(left) > 0 {
				t.Errorf("processes %v go on capturing", left)
			}
		})
	}
}

// captures lists the processes that capture what goes to a port.
func captures(t *testing.T, port int) (all []string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, _ := os.ReadFile(name) // it may have ended
		if line := string(text); strings.HasPrefix(line, "tcpdump\x00") && strings.Contains(line, "\x00port\x00"+strconv.Itoa(port)+"\x00") {
			all = append(all, filepath.Base(filepath.Dir(name)))
		}
	}
	return all
}

// killed runs the verb and kills it once it watches.
func killed(t *testing.T, s *servers.Server, args ...string) {
	t.Helper()
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"compare"}, args...)...)
	cmd.Env = append(os.Environ(), "SPANBRIDGE_DSN="+s.DSN)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), "watching by") {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if len(said) == 0 || !strings.Contains(said[len(said)-1], "watching by") {
		t.Fatalf("it did not come to watch: %s", strings.Join(said, "\n"))
	}
}

// settingsOf reads all that could be set.
func settingsOf(t *testing.T, s *servers.Server) map[string]string {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := make(map[string]string)
	for _, q := range []string{
		"SHOW GLOBAL VARIABLES",
		"SELECT CONCAT('consumer ', NAME), ENABLED FROM performance_schema.setup_consumers",
		"SELECT CONCAT('instrument ', NAME), CONCAT(ENABLED, ' ', TIMED) FROM performance_schema.setup_instruments",
	} {
		rows, err := db.QueryContext(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var value sql.NullString
			if err := rows.Scan(&name, &value); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(name, "gtid") && name != "timestamp" {
				all[name] = value.String
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
