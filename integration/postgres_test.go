// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// postgresQueries is the ledger's name for the statements of PostgreSQL.
const postgresQueries = "postgresql/query/usdt"

// startPostgres starts Debian's PostgreSQL 15.
func startPostgres(t *testing.T, args ...string) *servers.Server {
	t.Helper()
	return runServer(t, servers.PostgreSQL, servers.WithArgs(args...))
}

// runServer starts a server, for as long as the test runs.
func runServer(t *testing.T, start func(context.Context, ...servers.Option) (*servers.Server, error), o ...servers.Option) *servers.Server {
	t.Helper()
	server, err := start(t.Context(), o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// session is a connection to PostgreSQL that sends statements as mode says.
type session struct {
	t *testing.T
	*pgx.Conn
}

func openSession(t *testing.T, server *servers.Server, mode pgx.QueryExecMode) *session {
	t.Helper()
	config, err := pgx.ParseConfig(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return &session{t, conn}
}

func (s *session) must(query string, args ...any) {
	s.t.Helper()
	if err := s.run(query, args...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

// run runs a statement and reads all its rows.
func (s *session) run(query string, args ...any) error {
	rows, err := s.Query(s.t.Context(), query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return rows.Err()
}

// settle waits until the server is done with the statements before.
func (s *session) settle() {
	s.t.Helper()
	if err := s.Conn.PgConn().SyncConn(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// pgModes are the ways to send a statement.
var pgModes = map[string]pgx.QueryExecMode{
	"simple": pgx.QueryExecModeSimpleProtocol, "extended": pgx.QueryExecModeExec,
	"prepared": pgx.QueryExecModeCacheStatement,
}

// eachMode runs a test once for every way to send a statement.
func eachMode(t *testing.T, test func(t *testing.T, mode pgx.QueryExecMode)) {
	for _, name := range slices.Sorted(maps.Keys(pgModes)) {
		t.Run(name, func(t *testing.T) { test(t, pgModes[name]) })
	}
}

// pgStatements are the query spans, those of connection only unless that is 0.
func (r *result) pgStatements(connection uint32) (list []otlpSpan) {
	for _, s := range r.spans {
		if s.Kind == kindServer && (connection == 0 || s.Attrs["spanbridge.connection.id"] == int64(connection)) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b otlpSpan) int { return int(a.Start - b.Start) })
	return list
}

// children are the names of spans below a span.
func (r *result) children(root *otlpSpan, name string) (list []otlpSpan) {
	for _, s := range r.spans {
		if s.TraceID == root.TraceID && s.Kind == kindInternal && s.Name == name {
			list = append(list, s)
		}
	}
	return list
}

// pgDistinct are 23 statements and what their spans must tell. An extended
// protocol takes arguments.
var pgDistinct = []struct {
	sql  string
	args []any
	text string
	rows int64
}{
	{sql: "SELECT 1", text: "SELECT ?", rows: 1},
	{sql: "SELECT 'secret one', 2.5e3, E'a\\'b'", text: "SELECT ?, ?, ?", rows: 1},
	{sql: "SELECT $$dollar$$ || $tag$quoted$tag$", text: "SELECT ? || ?", rows: 1},
	{sql: "CREATE TABLE d (id int PRIMARY KEY, s varchar(40), n int)", text: "CREATE TABLE d (id int PRIMARY KEY, s varchar(?), n int)"},
	{sql: "INSERT INTO d VALUES (1, 'a''b', -7)", text: "INSERT INTO d VALUES (?, ?, ?)", rows: 1},
	{sql: "INSERT INTO d VALUES (3,'x',1),(4,'y',2),(5,'z',3)", text: "INSERT INTO d VALUES (?,?,?)", rows: 3},
	{sql: "INSERT INTO d (id) SELECT g FROM generate_series(10, 109) g", text: "INSERT INTO d (id) SELECT g FROM generate_series(?, ?) g", rows: 100},
	{sql: "SELECT s FROM d WHERE id = 4", text: "SELECT s FROM d WHERE id = ?", rows: 1},
	{sql: "SELECT id, s FROM d WHERE id IN (1, 3, 4) ORDER BY s DESC LIMIT 2", text: "SELECT id, s FROM d WHERE id IN (?) ORDER BY s DESC LIMIT ?", rows: 2},
	{sql: "UPDATE d SET s = 'new', n = 5 WHERE id < 5", text: "UPDATE d SET s = ?, n = ? WHERE id < ?", rows: 3},
	{sql: "DELETE FROM d WHERE id = 5 RETURNING s", text: "DELETE FROM d WHERE id = ? RETURNING s", rows: 1},
	{sql: "SELECT count(*) FROM d a JOIN d b USING (id)", text: "SELECT count(*) FROM d a JOIN d b USING (id)", rows: 1},
	{sql: "SELECT '{\"k\": 1}'::jsonb ->> 'k'", text: "SELECT ?::jsonb ->> ?", rows: 1},
	{sql: "SET work_mem = '8MB'", text: "SET work_mem = ?"},
	{sql: "SHOW work_mem", text: "SHOW work_mem", rows: 1},
	{sql: "BEGIN", text: "BEGIN"},
	{sql: "SAVEPOINT s1", text: "SAVEPOINT s1"},
	{sql: "ROLLBACK TO SAVEPOINT s1", text: "ROLLBACK TO SAVEPOINT s1"},
	{sql: "COMMIT", text: "COMMIT"},
	{sql: "ALTER TABLE d ADD COLUMN extra int DEFAULT 3", text: "ALTER TABLE d ADD COLUMN extra int DEFAULT ?"},
	{sql: "EXPLAIN SELECT * FROM d WHERE id = 9", text: "EXPLAIN SELECT * FROM d WHERE id = ?", rows: 2},
	{sql: "TRUNCATE d", text: "TRUNCATE d"},
	{sql: "DROP TABLE d", text: "DROP TABLE d"},
}

// told is what a query span of PostgreSQL tells of its statement.
type pgTold struct {
	Text, User, Host, Namespace, Command string
	Rows                                 int64
	Failed                               bool
}

func pgToldOf(s *otlpSpan) pgTold {
	text := func(key string) string { v, _ := s.Attrs[key].(string); return v }
	rows, _ := s.Attrs["spanbridge.rows.processed"].(int64)
	return pgTold{
		s.text(), text("user.name"), text("client.address"), text("db.namespace"), text("spanbridge.command"),
		rows, s.Status.Code != 0,
	}
}

func TestPostgreSQLGives23SpansFor23DistinctStatements(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	eachMode(t, func(t *testing.T, mode pgx.QueryExecMode) {
		s := openSession(t, server, mode)
		r := watch(t, server, func() {
			for _, d := range pgDistinct {
				s.must(d.sql, d.args...)
			}
			s.settle()
		})
		command := "Execute"
		if mode == pgx.QueryExecModeSimpleProtocol {
			command = "Query"
		}
		var got, want []pgTold
		for _, span := range r.pgStatements(s.PgConn().PID()) {
			got = append(got, pgToldOf(&span))
			if span.Attrs["db.system.name"] != "postgresql" {
				t.Errorf("%s: system %v", span.text(), span.Attrs["db.system.name"])
			}
		}
		for _, d := range pgDistinct {
			want = append(want, pgTold{d.text, servers.User, "127.0.0.1", servers.Database, command, d.rows, false})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("statements (-want +got):\n%s", diff)
		}
		for name, n := range map[string]uint64{"starts": 23, "paired": 23, "submitted": 23, "no_start": 0, "replaced": 0, "open": 0} {
			if got := r.ledger[postgresQueries][name]; got != n {
				t.Errorf("ledger: %s=%d, want %d", name, got, n)
			}
		}
	})
}

func TestSessionsOfPostgreSQLAreThePostmasters(t *testing.T) {
	t.Parallel()
	server, other := startPostgres(t), startPostgres(t)
	before := openSession(t, server, pgx.QueryExecModeExec)
	elsewhere := openSession(t, other, pgx.QueryExecModeExec)
	var after *session
	r := watch(t, server, func() {
		after = openSession(t, server, pgx.QueryExecModeExec)
		for _, s := range []*session{before, after, elsewhere} {
			s.must("SELECT 1 + 1")
			s.settle()
		}
	})
	var connections []any
	for _, s := range r.pgStatements(0) {
		connections = append(connections, s.Attrs["spanbridge.connection.id"])
		if got := s.Resource["process.pid"]; got != int64(server.PID) {
			t.Errorf("process.pid = %v, want that of the postmaster, %d", got, server.PID)
		}
		if got, want := s.Attrs["server.port"], int64(server.Port); got != want {
			t.Errorf("server.port = %v, want %d", got, want)
		}
		if s.Attrs["thread.id"] != s.Attrs["spanbridge.connection.id"] {
			t.Errorf("connection %v is of thread %v", s.Attrs["spanbridge.connection.id"], s.Attrs["thread.id"])
		}
	}
	want := []any{int64(before.PgConn().PID()), int64(after.PgConn().PID())}
	if diff := cmp.Diff(want, connections); diff != "" {
		t.Errorf("connections (-want +got):\n%s", diff)
	}
	if n := strings.Count(r.stderr, "query by usdt"); n != 1 {
		t.Errorf("%d targets were told, want the postmaster only:\n%s", n, r.stderr)
	}
}
