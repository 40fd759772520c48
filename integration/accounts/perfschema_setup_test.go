// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/perfschema"
	"github.com/spanbridge/spanbridge/compare/settings"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// TestWhatPerformanceSchemaLacksIsSaid: with what to do about it, and whether that needs another start of the server.
func TestWhatPerformanceSchemaLacksIsSaid(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, "--performance-schema=OFF")
			refused(t, handle(t, s), "performance_schema=ON", true)
			servers.WithArgs("--performance-schema=ON", "--performance-schema-events-statements-history-long-size=123")(s)
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			db := handle(t, s)
			refused(t, db, "events_statements_history_long", false)
			setUp(t, db)
			state, err := perfschema.Inspect(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			if !state.On || state.HistorySize != 123 || state.MariaDB != (name == "mariadb") || len(state.Missing) != 1 ||
				!strings.Contains(state.Missing[0].What, "123 rows") {
				t.Errorf("%+v", state)
			}
		})
	}
}

func refused(t *testing.T, db *sql.DB, says string, restart bool) {
	t.Helper()
	if a, err := perfschema.Open(t.Context(), db, perfschema.Options{}); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("opened: %v", err)
		if err == nil {
			a.Close()
		}
	}
	session, err := settings.Open(t.Context(), db, t.TempDir()+"/state.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := perfschema.Setup(t.Context(), session, db); (err != nil) != restart {
		t.Errorf("set up: %v", err)
	}
	if err := session.Restore(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPerformanceSchemaLeavesOutItself: the account's own connection is not told, nor one that was named, whether or not the
// account may hide itself; and it takes no room in the ring if it may.
func TestPerformanceSchemaLeavesOutItself(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, "--performance-schema=ON")
			db := handle(t, s)
			setUp(t, db)
			noisy, id := client(t, db)
			for _, q := range []string{"CREATE USER weak@'127.0.0.1' IDENTIFIED BY 'weak'", "GRANT SELECT, PROCESS ON *.* TO weak@'127.0.0.1'"} {
				must(t, noisy, q)
			}
			weak, err := sql.Open(s.Driver, strings.Replace(s.DSN, servers.User+":"+servers.Password, "weak:weak", 1))
			if err != nil {
				t.Fatal(err)
			}
			defer weak.Close()
			for who, db := range map[string]*sql.DB{"strong": db, "weak": weak} {
				quiet, quietID := client(t, db)
				stop := collecting(t, func(ctx context.Context) (compare.Account, error) {
					return perfschema.Open(ctx, db, perfschema.Options{Without: []uint64{id}})
				})
				for range 23 {
					must(t, noisy, "SELECT 'noise'")
					must(t, quiet, "SELECT 'quiet'")
				}
				l := stop()
				if len(l.Statements) != 23 || len(l.Losses) > 0 {
					t.Errorf("%s: %d statements, losses %+v", who, len(l.Statements), l.Losses)
				}
				for _, one := range l.Statements {
					if one.Connection != quietID || one.Text != "SELECT ?" {
						t.Errorf("%s: %+v", who, one)
						break
					}
				}
				quiet.Close()
			}
		})
	}
}
