// SPDX-License-Identifier: Apache-2.0

//go:build integration

package settings

import (
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare/settings"
	"github.com/spanbridge/spanbridge/integration/servers"
)

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servers.Server, db *sql.DB) {
		before := configuration(t, db)
		path := statePath(t)
		s := begin(t, db, path)
		for _, c := range []struct{ kind, name, value, says string }{
			{settings.Variable, "performance_schema", "OFF", "read only"},
			{settings.Variable, "nothing_of_that_name", "1", "Unknown system variable"},
			{settings.Variable, "long_query_time", "abc", "long_query_time"},
			{settings.Variable, "long_query_time = 1, sql_log_bin", "1", "no name of a variable"},
			{settings.Variable, "max_connections", "1000000000", "max_connections"}, // out of its range
			{settings.Consumer, "nothing_of_that_name", "YES", "none of that name"},
			{settings.Consumer, "events_statements_history_long", "MAYBE", "YES and NO"},
			{"mood", "a", "b", "no kind"},
		} {
			err := s.Set(t.Context(), c.kind, c.name, c.value)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s %s: %v", c.kind, c.name, err)
			}
		}
		if changes := s.Changes(); len(changes) > 0 {
			t.Errorf("it is remembered: %+v", changes)
		}
		unchanged(t, db, before)
		if err := s.Restore(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatSomebodyElseChangedIsLeftAloneAndNamed(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servers.Server, db *sql.DB) {
		before := configuration(t, db)
		path := statePath(t)
		s := begin(t, db, path)
		if err := change(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		run(t, db, "SET GLOBAL long_query_time = 3", "SET GLOBAL slow_query_log = "+before["variable slow_query_log"])
		err := s.Restore(t.Context())
		var left *settings.LeftError
		if !errors.As(err, &left) || len(left.Left) != 1 || left.Left[0].Name != "long_query_time" || left.Left[0].Found != "3" {
			t.Errorf("%v", err)
		}
		gone(t, path)
		run(t, db, "SET GLOBAL long_query_time = "+before["variable long_query_time"])
		unchanged(t, db, before)
	})
}

func TestOneSessionAtATime(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servers.Server, db *sql.DB) {
		before := configuration(t, db)
		path := statePath(t)
		s := begin(t, db, path)
		set(t, s, settings.Variable, "long_query_time", "0")
		if _, err := settings.Open(t.Context(), db, path); !errors.Is(err, settings.ErrRunning) {
			t.Errorf("with the same file: %v", err)
		}
		if _, err := settings.Restore(t.Context(), db, path); !errors.Is(err, settings.ErrRunning) {
			t.Errorf("restored while it runs: %v", err)
		}
		other := statePath(t)
		if _, err := settings.Open(t.Context(), db, other); !errors.Is(err, settings.ErrRunning) {
			t.Errorf("with another file: %v", err)
		}
		gone(t, other)
		run(t, db, "KILL "+idleConnection(t, db)) // the session comes back
		set(t, s, settings.Variable, "long_query_time", "1")
		if err := s.Restore(t.Context()); err != nil {
			t.Error(err)
		}
		unchanged(t, db, before)
		if err := begin(t, db, path).Restore(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// idleConnection is the one that holds the lock of a session.
func idleConnection(t *testing.T, db *sql.DB) (id string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT IS_USED_LOCK('spanbridge settings')").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// left makes a state file of a session that did not put back what it had changed.
func left(t *testing.T, db *sql.DB, path string) {
	t.Helper()
	s := begin(t, db, path)
	if err := change(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again := []string{"SET GLOBAL long_query_time = 0", "SET GLOBAL slow_query_log = 1", "SET GLOBAL log_output = 'FILE,TABLE'"}
	if err := s.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, db, again...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsOfAnEarlierSessionMustBePutBackFirst(t *testing.T) {
	onEach(t, func(t *testing.T, s *servers.Server, db *sql.DB) {
		run(t, db, "CREATE USER weak@'127.0.0.1' IDENTIFIED BY 'weak'", "GRANT SELECT ON *.* TO weak@'127.0.0.1'")
		before := configuration(t, db)
		path := statePath(t)
		left(t, db, path)
		if _, err := settings.Open(t.Context(), db, path); !errors.Is(err, settings.ErrUnfinished) {
			t.Errorf("%v", err)
		}
		lostPrivileges(t, s, path)
		changes, err := settings.Restore(t.Context(), db, path)
		if err != nil || len(changes) != 3 {
			t.Errorf("%+v, %v", changes, err)
		}
		unchanged(t, db, before)
		gone(t, path)
	})
}

// lostPrivileges restores as somebody who may not: the file must stay.
func lostPrivileges(t *testing.T, s *servers.Server, path string) {
	t.Helper()
	account := servers.User + ":" + servers.Password
	weak := open(t, strings.Replace(s.DSN, account, "weak:weak", 1))
	if changes, err := settings.Restore(t.Context(), weak, path); err == nil || !strings.Contains(err.Error(), "SUPER") || len(changes) > 0 {
		t.Errorf("without privileges: %+v, %v", changes, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestAStateFileIsForOneServerOnly(t *testing.T) {
	onEach(t, func(t *testing.T, _ *servers.Server, db *sql.DB) {
		path := statePath(t)
		left(t, db, path)
		onEach(t, func(t *testing.T, _ *servers.Server, other *sql.DB) {
			before := configuration(t, other)
			if _, err := settings.Restore(t.Context(), other, path); !errors.Is(err, settings.ErrOtherServer) {
				t.Errorf("%v", err)
			}
			unchanged(t, other, before)
		})
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	})
}

// TestAServerThatWasRestartedIsAsItWasConfigured: what looks like the session's is not touched.
func TestAServerThatWasRestartedIsAsItWasConfigured(t *testing.T) {
	onEach(t, func(t *testing.T, s *servers.Server, db *sql.DB) {
		path := statePath(t)
		left(t, db, path)
		time.Sleep(3 * time.Second) // the start of a server is known to two seconds
		servers.WithArgs("--long-query-time=0")(s)
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := configuration(t, db)
		changes, err := settings.Restore(t.Context(), db, path)
		if err != nil || len(changes) > 0 {
			t.Errorf("%+v, %v", changes, err)
		}
		unchanged(t, db, before)
		gone(t, path)
	})
}
