// SPDX-License-Identifier: Apache-2.0

//go:build integration

package logs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// product is a server with all of its logs on.
type product struct {
	name  string
	start func(context.Context, ...servers.Option) (*servers.Server, error)
	args  []string
	// unparsed names the logs that tell what the server cannot parse.
	unparsed []string
	// processIDs: the error log does not tell connections.
	processIDs bool
	// jsonSink: the error log is also written as JSON.
	jsonSink bool
	// resolution of the stamps in its files, and whether tables have no finer ones.
	resolution   time.Duration
	coarseTables bool
	stampsEnds   bool // in the slow log
}

var products = []product{
	{
		name: "mysql 5.6", start: servers.MySQL56, resolution: time.Second, coarseTables: true, stampsEnds: true,
		unparsed: []string{"slowlog"}, processIDs: true,
		args: []string{"--log-slow-admin-statements=1", "--log-warnings=2"},
	},
	{
		name: "mariadb", start: servers.StockMariaDB, resolution: time.Second,
		unparsed: []string{"slowlog", "generallog"},
		args:     []string{"--log-slow-verbosity=innodb,query_plan,explain", "--log-slow-admin-statements=1", "--log-warnings=4"},
	},
	{
		name: "mysql", start: servers.MySQL, resolution: time.Microsecond, jsonSink: true,
		args: []string{
			"--log-slow-extra=1", "--log-slow-admin-statements=1", "--log-error-verbosity=3",
			"--log-error-services=log_filter_internal;log_sink_internal;log_sink_json",
		},
	},
}

func named(t *testing.T, name string) *product {
	t.Helper()
	for i := range products {
		if products[i].name == name {
			return &products[i]
		}
	}
	t.Fatal(name)
	return nil
}

func (p *product) server(t *testing.T) (*servers.Server, *sql.DB) {
	t.Helper()
	s, err := p.start(t.Context(), servers.WithArgs(append([]string{
		"--slow-query-log=1", "--long-query-time=0", "--slow-query-log-file=slow.log",
		"--general-log=1", "--general-log-file=general.log", "--log-output=FILE,TABLE",
		"--log-bin=binlog", "--server-id=1", "--binlog-format=STATEMENT", // which some statements are not safe for
	}, p.args...)...))
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	db, err := sql.Open(s.Driver, s.DSN+"?multiStatements=true")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxIdleConns(-1) // a connection is used once, by one client
	return s, db
}

// setUp makes what the clients work on.
func setUp(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, q := range []string{
		"CREATE DATABASE other", "CREATE TABLE other.u (id INT PRIMARY KEY)",
		"CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	workers = 3
	rounds  = 12
)

// work runs statements on several connections at once. Between is called by one of
// them, once, in the middle.
func work(t *testing.T, j *journal, db *sql.DB, between func()) {
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			c := j.client(t, db)
			defer c.conn.Close()
			for round := range rounds {
				if w == 0 && round == rounds/2 && between != nil {
					between()
				}
				c.round(w, round)
			}
		})
	}
	running.Wait()
}

func (c *client) round(w, round int) {
	id := 1000*w + 10*round
	c.exec(fmt.Sprintf("INSERT INTO t VALUES (%d, 'secret'), (%d, 'it''s\n# Time: secret'), (%d, 'c')", id, id+1, id+2))
	c.exec("INSERT INTO t VALUES (?, ?)", id+3, "secret;\n# User@Host: a[b] @ c []")
	c.query(fmt.Sprintf("SELECT id, v AS name_of_%d_%d FROM t WHERE id IN (%d, %d)", w, round, id, id+1))
	c.query("SELECT v FROM t WHERE id >= ? AND id < ?", id, id+4)
	c.exec(fmt.Sprintf("UPDATE t SET v = '%s' WHERE id = %d", strings.Repeat("secret", 20_000), id))
	c.exec(fmt.Sprintf("INSERT INTO t VALUES (%d, 'twice')", id))
	c.query("SELECT * FROM nothing_of_that_name")
	c.packet(fmt.Sprintf("SELECT 'secret;' AS first_%d_%d", w, round), fmt.Sprintf("SELECT id FROM t WHERE id = %d", id))
	c.query(fmt.Sprintf("SELEC %d", round))
	c.query(fmt.Sprintf("SELECT\n# a comment;\n  %d\n# Time: of day\nAS lines_%d_%d", round, w, round))
	c.use("other")
	c.exec(fmt.Sprintf("REPLACE u VALUES (%d)", w))
	c.use("test")
	c.exec("BEGIN")
	c.exec(fmt.Sprintf("DELETE FROM t WHERE id = %d", id+2))
	c.exec("COMMIT")
	if round%4 == 0 {
		c.query("SELECT SLEEP(0.12)")
	}
	_ = c.conn.PingContext(c.t.Context())
}

// judge holds an account against the journal. Everything has to be there, but what the
// account's nature explains, and nothing else.
func judge(t *testing.T, p *product, j *journal, account *compare.Listing) *compare.Verdict {
	t.Helper()
	reference := j.listing()
	ours := make(map[uint64]bool)
	for i := range reference.Statements {
		ours[reference.Statements[i].Connection] = true
	}
	kept := *account
	kept.Statements = nil
	for _, s := range account.Statements {
		if ours[s.Connection] {
			kept.Statements = append(kept.Statements, s)
		}
	}
	v := compare.Judge(reference, &kept, compare.Window{From: 0, To: 1 << 62})
	for _, m := range v.MissingA {
		t.Errorf("clients know nothing of %d statements (%s), such as %q", m.Count, m.Reason, kept.Statements[m.Examples[0]].Text)
	}
	unparsed := 0
	for _, m := range v.MissingB {
		if m.Reason == compare.ReasonUnparsed {
			unparsed = m.Count
			continue
		}
		t.Errorf("%d statements are missing (%s), such as %+v", m.Count, m.Reason, reference.Statements[m.Examples[0]])
	}
	if want := map[bool]int{true: 0, false: workers * rounds}[slices.Contains(p.unparsed, account.Nature.Name)]; unparsed != want {
		t.Errorf("%d statements that do not parse are missing, want %d", unparsed, want)
	}
	if len(account.Losses) > 0 {
		t.Errorf("losses %+v", account.Losses)
	}
	for _, o := range v.Offsets {
		if d := o.Duration(); max(d, -d) > account.Nature.Resolution+20*time.Millisecond {
			t.Errorf("the clock is off by %v for %d statements", d, o.Pairs)
		}
	}
	for _, f := range v.Fields {
		t.Logf("%s: %d equal, %d only told by clients", f.Field, f.Equal, f.OnlyA)
		if f.Differ > 0 {
			e := f.Examples[0]
			t.Errorf("%s differs for %d statements: clients %+v, log %+v", f.Field, f.Differ, reference.Statements[e.A], kept.Statements[e.B])
		}
	}
	for i := range kept.Statements {
		if s := &kept.Statements[i]; strings.Contains(s.Text, "secret") {
			t.Errorf("a literal is in %q", s.Text)
		}
	}
	return v
}

// plausible holds durations against those that clients saw, and against how long was
// slept. A server may log after it has answered, so that a log's may be the longer one.
func plausible(t *testing.T, v *compare.Verdict, j *journal, account *compare.Listing) {
	t.Helper()
	if l := v.Latency; l.Pairs < v.Matched/2 || l.Median > 0 || l.P95 > 20*time.Millisecond || l.Ratio < 0.1 {
		t.Errorf("durations of %d statements: %+v", v.Matched, l)
	}
	reference := j.listing()
	slept := 0
	for _, p := range compare.Align(reference, account).Pairs {
		if log := &account.Statements[p.B]; strings.HasPrefix(log.Text, "SELECT SLEEP(") {
			if slept++; log.Duration < 120*time.Millisecond {
				t.Errorf("a sleep of 120 ms took %v by the log", log.Duration)
			}
		}
	}
	if slept != workers*rounds/4 {
		t.Errorf("%d statements that slept are paired", slept)
	}
}

func slowPath(s *servers.Server) string    { return filepath.Join(s.Datadir, "slow.log") }
func generalPath(s *servers.Server) string { return filepath.Join(s.Datadir, "general.log") }
