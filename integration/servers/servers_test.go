// SPDX-License-Identifier: Apache-2.0

//go:build integration

package servers_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/spanbridge/spanbridge/integration/servers"
)

func query(t *testing.T, server *servers.Server, q string) string {
	t.Helper()
	db, err := sql.Open(server.Driver, server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var s string
	if err := db.QueryRowContext(t.Context(), q).Scan(&s); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return s
}

func TestStockServerSurvivesKillAndRestart(t *testing.T) {
	t.Parallel()
	s, err := servers.StockMariaDB(t.Context(), servers.WithArgs("--max-connections=17"))
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, s, "SELECT @@max_connections"); got != "17" {
		t.Errorf("max_connections = %s, want 17", got)
	}
	exe, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(s.PID), "exe"))
	if err != nil || exe != s.Binary {
		t.Errorf("PID %d runs %q (%v), want %q", s.PID, exe, err, s.Binary)
	}
	first := s.PID
	if err := s.Kill9(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.PID == first {
		t.Error("same PID after Restart")
	}
	if got := query(t, s, "SELECT DATABASE()"); got != servers.Database {
		t.Errorf("database = %q, want %q", got, servers.Database)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Datadir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("data directory after Stop: %v, want it gone", err)
	}
}

func TestDTraceServerServes(t *testing.T) {
	t.Parallel()
	s, err := servers.DTraceMariaDB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	if got := query(t, s, "SELECT VERSION()"); !strings.HasPrefix(got, "10.11.") {
		t.Errorf("version = %q, want 10.11", got)
	}
	if got := query(t, s, "SELECT CONVERT('ok' USING latin2)"); got != "ok" {
		t.Errorf("conversion by a character set file = %q, want ok", got)
	}
}

func TestServersOfOtherReleasesServe(t *testing.T) {
	t.Parallel()
	for version, start := range map[string]func(context.Context, ...servers.Option) (*servers.Server, error){
		"5.6.": servers.MySQL56,
		"13.":  servers.PostgreSQL13,
		"17.":  servers.PostgreSQL17,
		"18.":  servers.PostgreSQL18,
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s, err := start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ask := "SELECT VERSION()"
			if s.Driver == "pgx" {
				ask = "SHOW server_version"
			}
			if got := query(t, s, ask); !strings.HasPrefix(got, version) {
				t.Errorf("version = %q, want %s…", got, version)
			}
			if s.Root != "" {
				wantContained(t, s)
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(s.Datadir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("data directory after Stop: %v, want it gone", err)
			}
		})
	}
}

func TestStartFailureShowsTheErrorLog(t *testing.T) {
	t.Parallel()
	_, err := servers.StockMariaDB(t.Context(), servers.WithArgs("--no-such-option"))
	if err == nil || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("error = %v, want the server's own words", err)
	}
}

func TestMissingPluginIsReported(t *testing.T) {
	t.Parallel()
	_, err := servers.StockMariaDB(t.Context(), servers.WithPlugin("/nonexistent.so"))
	if !errors.Is(err, servers.ErrMissing) {
		t.Errorf("error = %v, want ErrMissing", err)
	}
}
