// SPDX-License-Identifier: Apache-2.0

//go:build integration

package settings

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare/settings"
	"github.com/spanbridge/spanbridge/integration/servers"
)

var products = []struct {
	name  string
	start func(context.Context, ...servers.Option) (*servers.Server, error)
}{
	{"mariadb", servers.StockMariaDB},
	{"mysql", servers.MySQL},
}

// onEach runs a test on each product.
func onEach(t *testing.T, test func(t *testing.T, s *servers.Server, db *sql.DB)) {
	for _, p := range products {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s, err := p.start(t.Context(), servers.WithArgs("--performance-schema=ON", "--performance-schema-instrument=statement/sql/s%=OFF"))
			if errors.Is(err, servers.ErrMissing) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Stop() })
			test(t, s, open(t, s.DSN))
		})
	}
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(q, err)
		}
	}
}

// configuration is all that this package can change, and more.
func configuration(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for prefix, query := range map[string]string{
		"variable ":   "SHOW GLOBAL VARIABLES",
		"consumer ":   "SELECT NAME, ENABLED FROM performance_schema.setup_consumers",
		"instrument ": "SELECT NAME, CONCAT_WS('/', ENABLED, TIMED) FROM performance_schema.setup_instruments",
	} {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name, value string
			if err := rows.Scan(&name, &value); err != nil {
				t.Fatal(err)
			}
			all[prefix+name] = value
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
	}
	if len(all) < 500 {
		t.Fatalf("the server has %d settings only", len(all))
	}
	return all
}

func unchanged(t *testing.T, db *sql.DB, before map[string]string) {
	t.Helper()
	if diff := cmp.Diff(before, configuration(t, db)); diff != "" {
		t.Fatalf("the server is set differently (+):\n%s", diff)
	}
}

func begin(t *testing.T, db *sql.DB, path string) *settings.Session {
	t.Helper()
	s, err := settings.Open(t.Context(), db, path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func set(t *testing.T, s *settings.Session, kind, name, value string) {
	t.Helper()
	if err := s.Set(t.Context(), kind, name, value); err != nil {
		t.Fatal(err)
	}
}

func statePath(t *testing.T) string { return filepath.Join(t.TempDir(), "state.json") }

func TestSettingsAreChangedAndPutBack(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servers.Server, db *sql.DB) {
		before := configuration(t, db)
		path := statePath(t)
		s := begin(t, db, path)
		if err := change(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		now := configuration(t, db)
		changed := 0
		for name, value := range now {
			if value != before[name] {
				changed++
			}
		}
		if changed < 100 {
			t.Errorf("%d settings were changed", changed)
		}
		for _, c := range s.Changes() {
			if name := c.Kind + " " + c.Name; now[name] == before[name] && c.Kind != settings.Timing && c.Kind != settings.Instrument {
				t.Errorf("%s is %s still", name, before[name])
			}
		}
		if err := s.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		unchanged(t, db, before)
		gone(t, path)
		if err := s.Restore(t.Context()); err != nil {
			t.Error("restored twice:", err)
		}
	})
}
