// SPDX-License-Identifier: Apache-2.0

//go:build integration

package plugin_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var schema = []string{
	"CREATE TABLE a(i INT PRIMARY KEY, s VARCHAR(50))",
	"INSERT INTO a VALUES(1,'x'),(2,'y')",
	"CREATE TABLE b(i INT)",
	"CREATE PROCEDURE p1() BEGIN SELECT 1; SET @z=3; SELECT 2 FROM a; END",
	"CREATE PROCEDURE p2() BEGIN CALL p1(); UPDATE a SET s='q' WHERE i=1; END",
	"CREATE PROCEDURE pdyn() BEGIN EXECUTE IMMEDIATE 'CALL p1()'; PREPARE d FROM 'SELECT 4'; EXECUTE d; EXECUTE d; DEALLOCATE PREPARE d; SELECT 5; END",
	"CREATE PROCEDURE perr() BEGIN SELECT 1; SELECT * FROM nosuch; SELECT 3; END",
	"CREATE PROCEDURE phand() BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SELECT 'h'; INSERT INTO a VALUES(1,'d'); SELECT 3; END",
	"CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC BEGIN UPDATE a SET s='f' WHERE i=2; RETURN x+1; END",
	"CREATE TRIGGER tr BEFORE INSERT ON b FOR EACH ROW INSERT INTO a VALUES(NEW.i+100,'t')",
	"CREATE PROCEDURE pcache() BEGIN SELECT i FROM a; SELECT s FROM a; END",
}

// step is a statement with its arguments; those make the driver use the binary
// protocol.
type step struct {
	sql  string
	args []any
}

func text(s ...string) []step {
	var steps []step
	for _, q := range s {
		steps = append(steps, step{sql: q})
	}
	return steps
}

// cases lists what each probe pair must show: one line per query__done, in order,
// indented by its nesting, with the error number if not 0 and the text.
var cases = []struct {
	name  string
	steps []step
	want  []string
}{
	{"a statement", text("SELECT 1"), []string{"SELECT 1"}},
	{"an error", text("SELECT * FROM nosuch"), []string{"1146 SELECT * FROM nosuch"}},
	{"a parse error", text("SELEKT 1"), []string{"1064 SELEKT 1"}},
	{"an empty statement", text(""), []string{"1065 "}},
	{"another database", text("USE mysql", "USE test"), []string{"USE mysql", "USE test"}},
	{
		"several statements in a packet", text("SELECT 1; SELECT 2 ;  SELECT 3"),
		[]string{"SELECT 1", "SELECT 2 ", "SELECT 3"},
	},
	{
		"an error among several", text("SELECT 1; SELECT * FROM nosuch; SELECT 3"),
		[]string{"SELECT 1", "1146 SELECT * FROM nosuch"},
	},
	{
		"a call among several", text("SELECT 1; CALL p1(); SELECT 9"),
		[]string{"SELECT 1", "SELECT 1", "SET @z=3", "SELECT 2 FROM a", "CALL p1()", "SELECT 9"},
	},
	{"a prepared statement", []step{{"SELECT ? + 1", []any{5}}}, []string{"SELECT ? + 1"}},
	{
		"a prepared statement that fails", []step{{"INSERT INTO a VALUES(?,?)", []any{1, "x"}}},
		[]string{"1062 INSERT INTO a VALUES(?,?)"},
	},
	{"a statement that cannot be prepared", []step{{"SELECT ? FROM nosuch", []any{1}}}, nil},
	{
		"a prepared call", []step{{"CALL p2() /* ? */", nil}},
		[]string{
			"    SELECT 1", "    SET @z=3", "    SELECT 2 FROM a", "  CALL p1()",
			"  UPDATE a SET s='q' WHERE i=1", "CALL p2() /* ? */",
		},
	},
	{
		"EXECUTE", text("PREPARE s FROM 'SELECT 7'", "EXECUTE s", "DEALLOCATE PREPARE s"),
		[]string{"PREPARE s FROM 'SELECT 7'", "  SELECT 7", "SELECT 7", "DEALLOCATE PREPARE s"},
	},
	{
		"EXECUTE of what is not there", text("EXECUTE nosuch", "/* c */ EXECUTE nosuch",
			"SET STATEMENT max_statement_time=9 FOR EXECUTE nosuch", "SELECT 'after'"),
		[]string{
			"1243 EXECUTE nosuch", "1243 /* c */ EXECUTE nosuch",
			"1243 SET STATEMENT max_statement_time=9 FOR EXECUTE nosuch", "SELECT 'after'",
		},
	},
	{
		"EXECUTE IMMEDIATE", text("EXECUTE IMMEDIATE 'SELECT 8'", "EXECUTE IMMEDIATE 'SELEKT 8'"),
		[]string{"  SELECT 8", "SELECT 8", "1064 EXECUTE IMMEDIATE 'SELEKT 8'"},
	},
	{
		"EXECUTE among several", text("PREPARE s FROM 'SELECT 5'", "SELECT 1; EXECUTE s; SELECT 2",
			"EXECUTE s; SELECT 2", "SELECT 1; EXECUTE s", "SELECT 1; EXECUTE nosuch; SELECT 2",
			"SELECT 1; EXECUTE IMMEDIATE 'SELECT 6'; SELECT 2"),
		[]string{
			"PREPARE s FROM 'SELECT 5'", "SELECT 1", "SELECT 5", "SELECT 2", "  SELECT 5", "SELECT 5", "SELECT 2",
			"SELECT 1", "SELECT 5", "SELECT 1", "1243 EXECUTE nosuch", "SELECT 1", "SELECT 6", "SELECT 2",
		},
	},
	{
		"a prepared statement whose table has changed",
		text("PREPARE s FROM 'SELECT * FROM b'", "EXECUTE s", "ALTER TABLE b ADD COLUMN j INT", "EXECUTE s",
			"ALTER TABLE b DROP COLUMN j", "ALTER TABLE b RENAME c", "EXECUTE s", "ALTER TABLE c RENAME b"),
		[]string{
			"PREPARE s FROM 'SELECT * FROM b'", "  SELECT * FROM b", "SELECT * FROM b", "ALTER TABLE b ADD COLUMN j INT",
			"  SELECT * FROM b", "SELECT * FROM b", "ALTER TABLE b DROP COLUMN j", "ALTER TABLE b RENAME c",
			"  1146 SELECT * FROM b", "1146 SELECT * FROM b", "ALTER TABLE c RENAME b",
		},
	},
	{
		"EXECUTE in a procedure", text("CALL pdyn()"),
		[]string{
			"    SELECT 1", "    SET @z=3", "    SELECT 2 FROM a", "  EXECUTE IMMEDIATE 'CALL p1()'",
			"  PREPARE d FROM 'SELECT 4'", "  SELECT 4", "  SELECT 4", "  DEALLOCATE PREPARE d", "  SELECT 5", "CALL pdyn()",
		},
	},
	{
		"an error in a procedure", text("CALL perr()"),
		[]string{"  SELECT 1", "  1146 SELECT * FROM nosuch", "1146 CALL perr()"},
	},
	{
		"an error handled in a procedure", text("CALL phand()"),
		[]string{"  1062 INSERT INTO a VALUES(1,'d')", "  SELECT 'h'", "  SELECT 3", "CALL phand()"},
	},
	{
		"a function", text("SELECT f(1), f(2)"),
		[]string{"  UPDATE a SET s='f' WHERE i=2", "  UPDATE a SET s='f' WHERE i=2", "SELECT f(1), f(2)"},
	},
	{
		"a trigger", text("INSERT INTO b VALUES(1)", "INSERT INTO b VALUES(1)"),
		[]string{
			"  INSERT INTO a VALUES(NEW.i+100,'t')", "INSERT INTO b VALUES(1)",
			"  1062 INSERT INTO a VALUES(NEW.i+100,'t')", "1062 INSERT INTO b VALUES(1)",
		},
	},
	{
		"an anonymous block", text("BEGIN NOT ATOMIC SELECT 1; SELECT 2; END"),
		[]string{"  SELECT 1", "  SELECT 2", "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END"},
	},
	{
		// The text of a statement answered by the query cache is not reported at its end.
		"query cache hits in a procedure",
		text("SET GLOBAL query_cache_type=ON", "SET query_cache_type=ON", "CALL pcache()", "CALL pcache()", "SET GLOBAL query_cache_type=OFF"),
		[]string{
			"SET GLOBAL query_cache_type=ON", "SET query_cache_type=ON", "  SELECT i FROM a", "  SELECT s FROM a", "CALL pcache()",
			"  ", "  ", "CALL pcache()", "SET GLOBAL query_cache_type=OFF",
		},
	},
}

// execute runs a step and reads every result set. Errors are part of the cases.
func execute(ctx context.Context, c *sql.Conn, s step) {
	rows, err := c.QueryContext(ctx, s.sql, s.args...)
	if err != nil {
		return
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
		}
	}
}

// finished renders the statements of one connection that ended, in order, and
// checks the pairing on the way.
func finished(t *testing.T, hits []hit, conn int) []string {
	t.Helper()
	var out []string
	open := map[int][]hit{} // by thread
	for _, h := range hits {
		stack := open[h.tid]
		switch h.kind {
		case 'S':
			open[h.tid] = append(stack, h)
		case 'D':
			if len(stack) == 0 {
				t.Errorf("query__done without a start: %+v", h)
				continue
			}
			s := stack[len(stack)-1]
			open[h.tid] = stack[:len(stack)-1]
			if s.conn != h.conn {
				t.Errorf("start on connection %d, done on %d", s.conn, h.conn)
			}
			if h.status != btoi(h.errno != 0) {
				t.Errorf("status %d with error %d", h.status, h.errno)
			}
			if h.conn == conn {
				out = append(out, render(h, len(stack)-1))
			}
		}
	}
	for tid, stack := range open {
		if len(stack) != 0 {
			t.Errorf("thread %d has %d statements without an end: %+v", tid, len(stack), stack)
		}
	}
	return out
}

func render(h hit, depth int) string {
	line := strings.Repeat("  ", depth)
	if h.errno != 0 {
		line += fmt.Sprint(h.errno, " ")
	}
	return line + h.text[:min(len(h.text), max(h.length, 0))]
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func connID(t *testing.T, c *sql.Conn) int {
	t.Helper()
	var id int
	if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestEveryStatementIsOneProperlyNestedPair(t *testing.T) {
	s, db := server(t)
	for _, q := range schema {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	w := watch(t, s, db)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			id := connID(t, conn)
			begin, end := fmt.Sprintf("DO 'begin %d'", i), fmt.Sprintf("DO 'end %d'", i)
			execute(t.Context(), conn, step{sql: begin})
			for _, step := range c.steps {
				execute(t.Context(), conn, step)
			}
			execute(t.Context(), conn, step{sql: end})

			got := between(finished(t, w.until(t, end), id), begin, end)
			want := c.want
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("statements differ (-want +got):\n%s", diff)
			}
		})
	}
}

func between(lines []string, begin, end string) []string {
	var out []string
	in := false
	for _, l := range lines {
		switch {
		case l == begin:
			in, out = true, nil
		case l == end:
			in = false
		case in:
			out = append(out, l)
		}
	}
	return out
}
