// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// pgFailure is how a statement failed.
type pgFailure struct{ Text, State, Message string }

// pgFailures are statements that fail, with their SQLSTATE
// (https://www.postgresql.org/docs/15/errcodes-appendix.html) and the message that
// a span carries. Those that are prepared on the way are refused by Parse, Bind or
// Execute, as the case may be.
var pgFailures = []struct {
	sql  string
	args []any
	want pgFailure
}{
	{"SELECT * FROM nosuch", nil, pgFailure{"SELECT * FROM nosuch", "42P01", "relation ? does not exist"}},
	{"SELEC 1", nil, pgFailure{"SELEC ?", "42601", "syntax error at or near ?"}},
	{"SELECT nothing FROM f", nil, pgFailure{"SELECT nothing FROM f", "42703", "column ? does not exist"}},
	{"SELECT 1/0", nil, pgFailure{"SELECT ?/?", "22012", "division by zero"}},
	{"SELECT 1/n FROM f", nil, pgFailure{"SELECT ?/n FROM f", "22012", "division by zero"}},
	{"INSERT INTO f VALUES (1, 0)", nil, pgFailure{"INSERT INTO f VALUES (?, ?)", "23505", "duplicate key value violates unique constraint ?"}},
	{"INSERT INTO f VALUES (NULL, 0)", nil, pgFailure{"INSERT INTO f VALUES (NULL, ?)", "23502", "null value in column ? violates not-null constraint"}},
	{"SELECT 'twelve'::text::int", nil, pgFailure{"SELECT ?::text::int", "22P02", "invalid input syntax for type integer: ?"}},
	{"SET statement_timeout = 50", nil, pgFailure{Text: "SET statement_timeout = ?"}},
	{"SELECT pg_sleep(10)", nil, pgFailure{"SELECT pg_sleep(?)", "57014", "canceling statement due to statement timeout"}},
	{"SET statement_timeout = 0", nil, pgFailure{Text: "SET statement_timeout = ?"}},
	// What a statement says of itself is no message that rules can sanitise.
	{"DO $$ BEGIN RAISE EXCEPTION 'secret'; END $$", nil, pgFailure{"DO ?", "P0001", ""}},
	// These do not fail: what is caught, and what is no error.
	{"DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END $$", nil, pgFailure{Text: "DO ?"}},
	{"DO $$ BEGIN RAISE WARNING 'careful'; END $$", nil, pgFailure{Text: "DO ?"}},
	{"CALL commits()", nil, pgFailure{Text: "CALL commits()"}},
	{"BEGIN", nil, pgFailure{Text: "BEGIN"}},
	{"SELECT 1/0", nil, pgFailure{"SELECT ?/?", "22012", "division by zero"}},
	{"SELECT 1", nil, pgFailure{"SELECT ?", "25P02", "current transaction is aborted, commands ignored until end of transaction block"}},
	{"ROLLBACK", nil, pgFailure{Text: "ROLLBACK"}},
}

func TestFailuresOfPostgreSQLAreToldWithSQLSTATEAndMessage(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	setup := openSession(t, server, pgx.QueryExecModeExec)
	setup.must("CREATE TABLE f (id int PRIMARY KEY, n int)")
	setup.must("INSERT INTO f VALUES (1, 0)")
	setup.must("CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM f; ROLLBACK; END $$")
	eachMode(t, func(t *testing.T, mode pgx.QueryExecMode) {
		s := openSession(t, server, mode)
		var want []pgFailure
		r := watch(t, server, func() {
			for _, f := range pgFailures {
				err := s.run(f.sql, f.args...)
				if failed := f.want.State != ""; (err != nil) != failed {
					t.Errorf("%s: %v", f.sql, err)
				}
				want = append(want, f.want)
			}
			s.settle()
		})
		var got []pgFailure
		for _, span := range r.pgStatements(s.PgConn().PID()) {
			state, _ := span.Attrs["spanbridge.sqlstate"].(string)
			code, _ := span.Attrs["db.response.status_code"].(string)
			if failed := span.Status.Code != 0; failed != (state != "") || code != state || span.Attrs["error.type"] != any(nilIfEmpty(state)) {
				t.Errorf("%s: status %d, SQLSTATE %q, status code %q, error.type %v",
					span.text(), span.Status.Code, state, code, span.Attrs["error.type"])
			}
			got = append(got, pgFailure{span.text(), state, span.Status.Message})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failures (-want +got):\n%s", diff)
		}
		r.wantObserved(t, map[string]any{"db.response.status_code": "22012", "db.namespace": "test"}, 3)
		r.wantObserved(t, map[string]any{"error.type": "57014"}, 1)
	})
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func TestASessionThatIsEndedFailsItsStatement(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	victim, killer := openSession(t, server, pgx.QueryExecModeExec), openSession(t, server, pgx.QueryExecModeExec)
	idle := openSession(t, server, pgx.QueryExecModeCacheStatement)
	pid := victim.PgConn().PID()
	r := watch(t, server, func() {
		idle.must("SELECT 7")
		done := make(chan error)
		go func() { done <- victim.run("SELECT pg_sleep(20)") }()
		killer.untilRuns(victim, "SELECT pg_sleep%")
		killer.must("SELECT pg_terminate_backend($1)", int32(pid))
		killer.must("SELECT pg_terminate_backend($1)", int32(idle.PgConn().PID()))
		if err := <-done; err == nil {
			t.Error("the statement went on")
		}
	})
	list := r.pgStatements(pid)
	if len(list) != 1 || list[0].Status.Code == 0 || list[0].Attrs["spanbridge.sqlstate"] != "57P01" {
		t.Errorf("the ended session's statements are %v, want one with 57P01 (admin_shutdown)", list)
	}
	// One that is ended between statements has failed none.
	if list := r.pgStatements(idle.PgConn().PID()); len(list) != 1 || list[0].Status.Code != 0 {
		t.Errorf("the idle session's statements are %v, want one that did well", list)
	}
}
