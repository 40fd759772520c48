// SPDX-License-Identifier: Apache-2.0

//go:build integration

package settings

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/spanbridge/spanbridge/compare/perfschema"
	"github.com/spanbridge/spanbridge/compare/settings"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// asChild is set in the environment of a process that changes settings and dies: DSN, state
// file, and before which packet.
const asChild = "SPANBRIDGE_TEST_SETTINGS"

func TestMain(m *testing.M) {
	if of, ok := os.LookupEnv(asChild); ok {
		args := strings.Split(of, "\n")
		if err := child(args[0], args[1], args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(dsn, path, steps string) error {
	n, err := strconv.Atoi(steps)
	if err != nil {
		return err
	}
	mysql.RegisterDialContext("mortal", func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		return &mortal{conn, &n}, err
	})
	db, err := sql.Open("mysql", strings.Replace(dsn, "@tcp(", "@mortal(", 1)+"?interpolateParams=true")
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := settings.Open(context.Background(), db, path)
	if err != nil {
		return err
	}
	if err := apply(context.Background(), s, changes[:2]); err != nil {
		return err
	}
	if err := perfschema.Setup(context.Background(), s, db); err != nil {
		return err
	}
	return s.Restore(context.Background())
}

// changes are of every kind, some of them to the same setting.
var changes = [][3]string{
	{settings.Variable, "long_query_time", "0"},
	{settings.Variable, "log_output", "TABLE"},
	{settings.Consumer, "events_statements_history%", "YES"},
	{settings.Variable, "log_output", "FILE,TABLE"},
	{settings.Variable, "slow_query_log", "ON"},
	{settings.Variable, "slow_query_log_file", "its own; 'quoted' \\ .log"},
	{settings.Consumer, "events_stages_current", "YES"},
	{settings.Variable, "slow_query_log", "OFF"},
	{settings.Instrument, "stage/%", "YES"},
	{settings.Timing, "statement/sql/%", "NO"},
	{settings.Variable, "slow_query_log", "ON"},
	{settings.Variable, "slow_query_log", "1"}, // it is
}

func apply(ctx context.Context, s *settings.Session, changes [][3]string) error {
	for _, c := range changes {
		if err := s.Set(ctx, c[0], c[1], c[2]); err != nil {
			return err
		}
	}
	return nil
}

func change(ctx context.Context, s *settings.Session) error { return apply(ctx, s, changes) }

// mortal is a connection that kills its process in the end: before a packet is sent, or when
// one has come.
type mortal struct {
	net.Conn
	left *int
}

func (m *mortal) step() {
	if *m.left--; *m.left < 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (m *mortal) Write(b []byte) (int, error) {
	m.step()
	return m.Conn.Write(b)
}

func (m *mortal) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.step()
	return n, err
}

// TestWhateverKillsASessionItsSettingsArePutBack kills one before each thing that it asks of the
// server, and after each answer, until one comes to its end.
func TestWhateverKillsASessionItsSettingsArePutBack(t *testing.T) {
	onEach(t, func(t *testing.T, s *servers.Server, db *sql.DB) {
		before := configuration(t, db)
		path := statePath(t)
		restored := 0
		for steps := 0; ; steps++ {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%s\n%d", asChild, s.DSN, path, steps))
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Logf("killed %d times, settings were left %d times", steps, restored)
				if steps < 40 || restored < 20 {
					t.Error("that is too few")
				}
				unchanged(t, db, before)
				gone(t, path)
				return
			}
			if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%v: %s", err, out)
			}
			back, err := settings.Restore(t.Context(), db, path)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("killed at step %d: %v", steps, err)
			}
			if len(back) > 0 {
				restored++
			}
			unchanged(t, db, before)
			gone(t, path)
		}
	})
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state file is there: %v", err)
	}
}
