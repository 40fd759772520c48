// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pgShape is a statement's span with the inner spans that are asked for.
type pgShape struct {
	Text string
	Rows int64
	Plan int
}

func (r *result) shapes(t *testing.T, s *session) (list []pgShape) {
	t.Helper()
	for _, span := range r.pgStatements(s.PgConn().PID()) {
		list = append(list, pgShape{span.text(), pgToldOf(&span).Rows, len(r.children(&span, "plan"))})
	}
	return list
}

func (s *session) script(sql string) {
	s.t.Helper()
	if _, err := s.PgConn().Exec(s.t.Context(), sql).ReadAll(); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// Statements of a string share its span, and those of a function the statement's
// that calls it: what they planned are its children.
func TestAStringOfStatementsAndAFunctionAreOneSpanOfPostgreSQL(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	s := openSession(t, server, pgx.QueryExecModeSimpleProtocol)
	s.must("CREATE TABLE items (id int PRIMARY KEY, n int)")
	s.must("INSERT INTO items SELECT g, g FROM generate_series(1, 1000) g")
	s.must(`CREATE FUNCTION twice() RETURNS int LANGUAGE plpgsql AS $$
		BEGIN UPDATE items SET n = 0 WHERE id = 1; RETURN (SELECT count(*) FROM items); END $$`)
	r := watch(t, server, func() {
		s.script("SELECT 1; INSERT INTO items VALUES (2000, 1), (2001, 2); SELECT id FROM items LIMIT 7")
		s.must("SELECT twice()")
		s.must("SELECT twice()") // its plans are kept
		s.script("")
		s.settle()
	})
	want := []pgShape{
		{"SELECT ?; INSERT INTO items VALUES (?, ?); SELECT id FROM items LIMIT ?", 7, 3},
		{"SELECT twice()", 1, 3},
		{"SELECT twice()", 1, 1},
		{"", 0, 0},
	}
	if diff := cmp.Diff(want, r.shapes(t, s)); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}

func TestCopiesAndCursorsAndBigResultsOfPostgreSQL(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	s := openSession(t, server, pgx.QueryExecModeExec)
	s.must("CREATE TABLE c (id int, v text)")
	r := watch(t, server, func() {
		if _, err := s.PgConn().CopyFrom(t.Context(), strings.NewReader("1\tone\n2\ttwo\n"), "COPY c FROM STDIN"); err != nil {
			t.Error(err)
		}
		if _, err := s.PgConn().CopyTo(t.Context(), io.Discard, "COPY c TO STDOUT"); err != nil {
			t.Error(err)
		}
		s.must("BEGIN")
		s.must("DECLARE k CURSOR FOR SELECT * FROM generate_series(1, 10)")
		s.must("FETCH 4 FROM k")
		s.must("FETCH ALL FROM k")
		s.must("COMMIT")
		s.must("SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g")
		s.must("SELECT count(*) FROM (SELECT * FROM generate_series(1, 1000) g ORDER BY g DESC) q")
		s.settle()
	})
	type shape struct {
		Text  string
		Rows  int64
		Sorts int
	}
	var got []shape
	for _, span := range r.pgStatements(s.PgConn().PID()) {
		got = append(got, shape{span.text(), pgToldOf(&span).Rows, len(r.children(&span, "sort"))})
	}
	want := []shape{
		{"COPY c FROM STDIN", 2, 0}, {"COPY c TO STDOUT", 2, 0},
		{"BEGIN", 0, 0}, {"DECLARE k CURSOR FOR SELECT * FROM generate_series(?, ?)", 0, 0},
		{"FETCH ? FROM k", 4, 0}, {"FETCH ALL FROM k", 6, 0}, {"COMMIT", 0, 0},
		{"SELECT g, repeat(?, ?) FROM generate_series(?, ?) g", 200000, 0},
		{"SELECT count(*) FROM (SELECT * FROM generate_series(?, ?) g ORDER BY g DESC) q", 1, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}

// A client that asks for so many rows at a time executes the statement several
// times: each Execute message is a span.
func TestEachExecuteOfAPortalIsASpan(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	s := openSession(t, server, pgx.QueryExecModeExec)
	r := watch(t, server, func() {
		f := s.PgConn().Frontend()
		f.Send(&pgproto3.Parse{Query: "SELECT * FROM generate_series(1, 10)"})
		f.Send(&pgproto3.Bind{})
		for range 2 {
			f.Send(&pgproto3.Execute{MaxRows: 6})
		}
		f.Send(&pgproto3.Sync{})
		if err := f.Flush(); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := f.Receive()
			if err != nil {
				t.Fatal(err)
			}
			if _, done := m.(*pgproto3.ReadyForQuery); done {
				break
			}
		}
		s.settle()
	})
	var got []int64
	for _, span := range r.pgStatements(s.PgConn().PID()) {
		if span.text() != "SELECT * FROM generate_series(?, ?)" {
			t.Errorf("a span of %q", span.text())
		}
		got = append(got, pgToldOf(&span).Rows)
	}
	// The first one was suspended: the server counts no rows then.
	if diff := cmp.Diff([]int64{0, 4}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// Parse and Bind wait for the client between them: that is no time of a statement.
func TestTimeBetweenMessagesIsNoTimeOfAStatementOfPostgreSQL(t *testing.T) {
	const pause = 200 * time.Millisecond
	server := startPostgres(t)
	s := openSession(t, server, pgx.QueryExecModeExec)
	r := watch(t, server, func() {
		if _, err := s.Prepare(t.Context(), "p", "SELECT 5"); err != nil {
			t.Error(err)
		}
		time.Sleep(pause)
		if err := s.PgConn().ExecPrepared(t.Context(), "p", nil, nil, nil).Read().Err; err != nil {
			t.Error(err)
		}
		s.settle()
	})
	list := r.pgStatements(s.PgConn().PID())
	if len(list) != 1 || list[0].duration() > pause {
		t.Errorf("%v, want one span that is shorter than %v", list, pause)
	}
}
