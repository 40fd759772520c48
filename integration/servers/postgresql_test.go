// SPDX-License-Identifier: Apache-2.0

//go:build integration

package servers_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/integration/servers"
	"github.com/spanbridge/spanbridge/integration/servers/process"
)

func TestPostgreSQLServesAndRecoversFromAKill(t *testing.T) {
	t.Parallel()
	s, err := servers.PostgreSQL(t.Context(), servers.WithArgs("-c", "max_connections=17"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	const q = "SELECT current_setting('server_version') || ' ' || current_database() || ' ' || current_user"
	if got := query(t, s, q); !strings.HasPrefix(got, "15.") ||
		!strings.HasSuffix(got, " "+servers.Database+" "+servers.User) {
		t.Errorf("version, database and user = %q, want 15, %s and %s", got, servers.Database, servers.User)
	}
	if got := query(t, s, "SHOW max_connections"); got != "17" {
		t.Errorf("max_connections = %s, want 17", got)
	}
	if exe, err := os.Readlink(procPath(s.PID, "exe")); err != nil || exe != s.Binary {
		t.Errorf("PID %d runs %q (%v), want %q", s.PID, exe, err, s.Binary)
	}
	if _, err := os.Stat(s.Socket); err != nil {
		t.Errorf("the socket is not there: %v", err)
	}

	// More than one, because the kill must wait for those that outlive the postmaster.
	if got := len(process.Children(s.PID)); got < 2 {
		t.Errorf("the postmaster has %d children, want its background processes", got)
	}
	if err := s.Kill9(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, s, "SELECT current_database()"); got != servers.Database {
		t.Errorf("database after the crash = %q, want %q", got, servers.Database)
	}
	children := process.Children(s.PID)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range append(children, s.PID) {
		if _, err := os.Stat(procPath(pid, "")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("process %d after Stop: %v, want it gone", pid, err)
		}
	}
	if _, err := os.Stat(filepath.Dir(s.Datadir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory after Stop: %v, want it gone", err)
	}
}
