// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/spanbridge/spanbridge/integration/servers"
)

const builtPlugin = "../build/spanbridge_usdt.so"

// way is a tier of the profile mariadb and a server that is seen by it.
type way struct {
	tier  string
	start func(context.Context, ...servers.Option) (*servers.Server, error)
}

func withPlugin(ctx context.Context, opts ...servers.Option) (*servers.Server, error) {
	return servers.StockMariaDB(ctx, append(opts, servers.WithPlugin(builtPlugin))...)
}

var (
	byUSDT   = way{"usdt", servers.DTraceMariaDB}
	byPlugin = way{"plugin", withPlugin}
	byUprobe = way{"uprobe", servers.StockMariaDB}
)

// eachWay runs a test for the three tiers.
func eachWay(t *testing.T, test func(t *testing.T, w way)) {
	t.Parallel()
	for _, w := range []way{byUSDT, byPlugin, byUprobe} {
		t.Run(w.tier, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// server starts a server that the test's end stops. A test whose server is not
// built is skipped, which CI reports as a failure.
func (w way) server(t *testing.T, opts ...servers.Option) *servers.Server {
	t.Helper()
	s, err := w.start(t.Context(), opts...)
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// ownServer is like server, but the binary is a copy that no other process
// runs, so that its path can be a target.
func (w way) ownServer(t *testing.T, opts ...servers.Option) *servers.Server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mariadbd")
	return w.server(t, append(opts, func(s *servers.Server) {
		shell(t, `cp --reflink=auto "$1" "$2"`, s.Binary, path)
		s.Binary = path
	})...)
}

// from makes a server run from another file than the installed one.
func from(path string) servers.Option { return func(s *servers.Server) { s.Binary = path } }

// copyServer copies the installed mariadbd.
func copyServer(t *testing.T, to string) {
	t.Helper()
	shell(t, `cp --reflink=auto "$(PATH=$PATH:/usr/sbin command -v mariadbd)" "$1"`, to)
}

func shell(t *testing.T, script string, args ...string) {
	t.Helper()
	if out, err := exec.Command("sh", append([]string{"-euc", script, "sh"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

func pidOf(s *servers.Server) string { return strconv.Itoa(s.PID) }

func openPool(t *testing.T, s *servers.Server) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// job is a statement that sleeps, as its client has seen it.
type job struct {
	began, ended time.Time
	asked        time.Duration // what it was to sleep
	err          error
	id           int64 // of the connection
	settled      bool  // ended is when the server was known to have ended it
}

// journal holds what clients did, by an alias that is in the statement's text
// and in no other. It is safe for concurrent use.
type journal struct {
	t       *testing.T
	mu      sync.Mutex
	jobs    map[string]*job
	running sync.WaitGroup
}

func newJournal(t *testing.T) *journal { return &journal{t: t, jobs: make(map[string]*job)} }

// sleep begins a statement on a connection of its own and returns when the
// server has it. The journal's wait waits for its end.
func (j *journal) sleep(ctx context.Context, db *sql.DB, alias string, asked time.Duration) *job {
	j.t.Helper()
	conn, err := db.Conn(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	one := &job{asked: asked}
	if err := conn.QueryRowContext(j.t.Context(), "SELECT CONNECTION_ID() AS id_of_"+alias).Scan(&one.id); err != nil {
		j.t.Fatal(err)
	}
	j.mu.Lock()
	j.jobs[alias] = one
	j.mu.Unlock()
	one.began = time.Now()
	j.running.Go(func() {
		var n int
		err := conn.QueryRowContext(ctx, fmt.Sprintf("SELECT SLEEP(%.3f) AS %s", asked.Seconds(), alias)).Scan(&n)
		one.ended, one.err = time.Now(), err
		_ = conn.Raw(func(any) error { return sql.ErrConnDone }) // do not use it again
		conn.Close()
	})
	var state string
	for deadline := time.Now().Add(10 * time.Second); state != "User sleep"; time.Sleep(5 * time.Millisecond) {
		row := db.QueryRowContext(j.t.Context(), "SELECT STATE AS state_of_process FROM information_schema.PROCESSLIST WHERE ID = "+
			strconv.FormatInt(one.id, 10))
		if err := row.Scan(&state); err != nil && !errors.Is(err, sql.ErrNoRows) || time.Now().After(deadline) {
			j.t.Fatalf("%s does not sleep: state %q, %v", alias, state, err)
		}
	}
	return one
}

func (j *journal) wait() { j.running.Wait() }

// waitForServer waits until the statements of clients that were cut off have
// ended in the server too: nothing tells those clients when.
func (j *journal) waitForServer(s *servers.Server) {
	j.t.Helper()
	j.wait()
	noSleepers(j.t, s)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, one := range j.jobs {
		if one.err != nil && !one.settled {
			one.ended, one.settled = time.Now(), true
		}
	}
}

var aliasIn = regexp.MustCompile(`^SELECT SLEEP\(\?\) AS (\w+)$`)

// late is by how much a span may outlast what its client saw: the server
// answers before it ends the statement, and machines are busy.
const late = 300 * time.Millisecond

// match fails the test unless the spans of sleeps are those of the aliases,
// each once, and each lies where its client's statement did: a start paired
// with another statement's end would not.
func (j *journal) match(spans []otlpSpan, aliases ...string) {
	j.t.Helper()
	want := make(map[string]bool)
	for _, a := range aliases {
		want[a] = true
	}
	for i := range spans {
		m := aliasIn.FindStringSubmatch(spans[i].text())
		if m == nil {
			continue
		}
		alias := m[1]
		if !want[alias] {
			j.t.Errorf("unwanted or second span of %s, %v long", alias, spans[i].duration())
			continue
		}
		delete(want, alias)
		j.place(alias, &spans[i])
	}
	for alias := range want {
		j.t.Errorf("no span of %s", alias)
	}
}

// place holds a span against the journal.
func (j *journal) place(alias string, s *otlpSpan) {
	j.t.Helper()
	one := j.jobs[alias]
	begins, ends := time.Unix(0, int64(s.Start)), time.Unix(0, int64(s.End))
	if early := one.began.Sub(begins); early > 5*time.Millisecond || begins.After(one.ended) {
		j.t.Errorf("span of %s begins at %v, the client began it at %v", alias, begins, one.began)
	}
	limit := one.ended
	if errors.Is(one.err, context.Canceled) && !one.settled {
		limit = one.began.Add(one.asked) // the server sleeps on when the client has gone
	}
	if over := ends.Sub(limit); over > late {
		j.t.Errorf("span of %s ends %v after its client's statement: paired with another's end?", alias, over)
	}
	if one.err == nil && s.duration() < one.asked-5*time.Millisecond {
		j.t.Errorf("span of %s lasts %v, it slept %v: paired with another's start?", alias, s.duration(), one.asked)
	}
}

// mustExec runs a statement that must work.
func mustExec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%.80s: %v", statement, err)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// noSleepers waits until no statement sleeps in the server.
func noSleepers(t *testing.T, s *servers.Server) {
	t.Helper()
	db := openPool(t, s)
	defer db.Close()
	eventually(t, "statements that sleep on", func() bool {
		var n int
		err := db.QueryRowContext(t.Context(),
			"SELECT COUNT(*) AS sleepers FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'").Scan(&n)
		return err == nil && n == 0
	})
}
