// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// pgTransactions are the ledger's name for the transactions of PostgreSQL.
const pgTransactions = "postgresql/transaction/usdt"

// pgEnd is how a transaction ended, and after how many statements.
type pgEnd struct {
	Outcome, State string
	Statements     int64
}

// pgEnding are 23 transactions. Statements of a failed transaction that come after the
// failure, and those marked, are not in it.
var pgEnding = []struct {
	statements []string
	want       pgEnd
	fails      bool // one of them
}{
	{[]string{"BEGIN", "COMMIT"}, pgEnd{"commit", "", 2}, false},
	{[]string{"BEGIN", "SELECT 1", "COMMIT"}, pgEnd{"commit", "", 3}, false},
	{[]string{"BEGIN", "SELECT 1", "INSERT INTO x VALUES (1)", "COMMIT"}, pgEnd{"commit", "", 4}, false},
	{[]string{"BEGIN", "SELECT 1", "SELECT 2", "SELECT 3", "END"}, pgEnd{"commit", "", 5}, false},
	{[]string{"START TRANSACTION READ ONLY", "SELECT 1", "COMMIT"}, pgEnd{"commit", "", 3}, false},
	{[]string{"BEGIN ISOLATION LEVEL SERIALIZABLE", "SELECT count(*) FROM x", "ABORT"}, pgEnd{"rollback", "", 3}, false},
	{[]string{"BEGIN", "ROLLBACK"}, pgEnd{"rollback", "", 2}, false},
	{[]string{"BEGIN", "INSERT INTO x VALUES (2)", "ROLLBACK"}, pgEnd{"rollback", "", 3}, false},
	{[]string{"BEGIN", "CREATE TABLE y (id int)", "ROLLBACK"}, pgEnd{"rollback", "", 3}, false},
	{[]string{"BEGIN", "SELECT 1/0", "ROLLBACK"}, pgEnd{"rollback", "22012", 2}, true},
	{[]string{"BEGIN", "SELECT 1", "SELECT * FROM nosuch", "SELECT 1", "ROLLBACK"}, pgEnd{"rollback", "42P01", 3}, true},
	{[]string{"BEGIN", "SELECT 1/0", "COMMIT"}, pgEnd{"rollback", "22012", 2}, true},
	{[]string{"BEGIN", "INSERT INTO x VALUES (3), (3)", "COMMIT"}, pgEnd{"rollback", "23505", 3}, true}, // the constraint is deferred
	{[]string{"BEGIN", "SAVEPOINT a", "INSERT INTO x VALUES (4)", "RELEASE a", "COMMIT"}, pgEnd{"commit", "", 5}, false},
	{[]string{"BEGIN", "SAVEPOINT a", "SELECT 1/0", "ROLLBACK TO a", "COMMIT"}, pgEnd{"commit", "", 5}, true},
	{[]string{"BEGIN", "SAVEPOINT a", "SAVEPOINT b", "SAVEPOINT c", "ROLLBACK"}, pgEnd{"rollback", "", 5}, false},
	{[]string{"BEGIN", "SAVEPOINT a", "SELECT 1/0", "ROLLBACK"}, pgEnd{"rollback", "", 4}, true}, // of the failed part the failure is over
	{[]string{"BEGIN", "INSERT INTO x VALUES (5)", "PREPARE TRANSACTION 'one'", "COMMIT PREPARED 'one'"}, pgEnd{"prepare", "", 3}, false},
	{[]string{"BEGIN", "INSERT INTO x VALUES (6)", "PREPARE TRANSACTION 'two'", "ROLLBACK PREPARED 'two'"}, pgEnd{"prepare", "", 3}, false},
	{[]string{"BEGIN", "DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END $$", "COMMIT"}, pgEnd{"commit", "", 3}, false},
	{[]string{"BEGIN", "LOCK TABLE x", "SELECT pg_sleep(0.05)", "COMMIT"}, pgEnd{"commit", "", 4}, false},
	{[]string{"SELECT 1", "BEGIN", "SET LOCAL work_mem = '8MB'", "COMMIT", "SELECT 1/0"}, pgEnd{"commit", "", 3}, true},
	{[]string{"BEGIN", "idle", "COMMIT"}, pgEnd{"commit", "", 2}, false},
}

const pgIdle = 300 * time.Millisecond

func (s *session) transact(statements []string, fails bool) {
	s.t.Helper()
	failed := false
	for _, statement := range statements {
		if statement == "idle" {
			time.Sleep(pgIdle)
			continue
		}
		err := s.run(statement)
		failed = failed || err != nil
		if err != nil && !fails {
			s.t.Errorf("%s: %v", statement, err)
		}
	}
	if failed != fails {
		s.t.Errorf("%v: failed %v", statements, failed)
	}
}

// transactions are the spans of the transactions of a connection, as they began.
func (r *result) transactions(connection uint32) (list []otlpSpan) {
	for _, s := range r.spans {
		if s.Name == "transaction" && s.Attrs["spanbridge.connection.id"] == int64(connection) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b otlpSpan) int { return int(a.Start - b.Start) })
	return list
}

func pgEndOf(s *otlpSpan) (end pgEnd) {
	end.Outcome, _ = s.Attrs["spanbridge.transaction.outcome"].(string)
	end.State, _ = s.Attrs["spanbridge.sqlstate"].(string)
	end.Statements, _ = s.Attrs["spanbridge.statements"].(int64)
	return end
}

func TestPostgreSQLGives23SpansFor23Transactions(t *testing.T) {
	t.Parallel()
	twoPhase := []string{"-c", "max_prepared_transactions=2"}
	server := startPostgres(t, twoPhase...)
	eachMode(t, func(t *testing.T, mode pgx.QueryExecMode) { test23Transactions(t, server, mode) })
	for version, start := range map[string]func(context.Context, ...servers.Option) (*servers.Server, error){
		"13": servers.PostgreSQL13, "17": servers.PostgreSQL17, "18": servers.PostgreSQL18,
	} {
		t.Run(version, func(t *testing.T) {
			server := runServer(t, start, servers.WithArgs(twoPhase...))
			test23Transactions(t, server, pgx.QueryExecModeExec)
		})
	}
}

func test23Transactions(t *testing.T, server *servers.Server, mode pgx.QueryExecMode) {
	setup := openSession(t, server, pgx.QueryExecModeExec)
	setup.must("DROP TABLE IF EXISTS x")
	setup.must("CREATE TABLE x (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
	s := openSession(t, server, mode)
	r := watch(t, server, func() {
		for _, e := range pgEnding {
			s.transact(e.statements, e.fails)
		}
		s.settle()
	})
	var got, want []pgEnd
	for _, span := range r.transactions(s.PgConn().PID()) {
		end := pgEndOf(&span)
		got = append(got, end)
		if failed := span.Status.Code != 0; failed != (end.State != "") || span.Kind != kindInternal ||
			span.Attrs["db.namespace"] != "test" || span.Attrs["user.name"] != "spanbridge" || span.Attrs["client.address"] != "127.0.0.1" {
			t.Errorf("span %+v", span)
		}
	}
	for _, e := range pgEnding {
		want = append(want, e.want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("transactions (-want +got):\n%s", diff)
	}
	last := r.transactions(s.PgConn().PID())[len(got)-1]
	if idle, _ := last.Attrs["spanbridge.idle.duration"].(float64); idle < pgIdle.Seconds() || idle > last.duration().Seconds() {
		t.Errorf("a transaction of %v was idle for %v s", last.duration(), idle)
	}
	if row := r.ledger[pgTransactions]; row["submitted"] != 23 || row["no_start"]+row["replaced"]+row["open"] != 0 {
		t.Errorf("ledger %v", row)
	}
}

// TestATransactionOfPostgreSQLIsInTheTraceOfItsStatements has one whose second statement
// carries the application's context, and one that is a single message.
func TestATransactionOfPostgreSQLIsInTheTraceOfItsStatements(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	const comment = " /*traceparent='00-" + callersTrace + "-" + callersSpan + "-01'*/"
	s := openSession(t, server, pgx.QueryExecModeSimpleProtocol)
	r := watch(t, server, func() {
		s.transact([]string{"BEGIN", "SELECT 1" + comment, "SELECT 2", "COMMIT"}, false)
		s.transact([]string{"BEGIN", "COMMIT"}, false)
		s.must("BEGIN; SELECT 1; COMMIT" + comment)
		s.settle()
	})
	all, statements := r.transactions(s.PgConn().PID()), r.pgStatements(s.PgConn().PID())
	if len(all) != 3 || len(statements) != 7 {
		t.Fatalf("%d transactions, %d statements", len(all), len(statements))
	}
	for i, want := range []struct{ trace, parent string }{
		{callersTrace, callersSpan}, {statements[4].TraceID, statements[4].SpanID}, {callersTrace, statements[6].SpanID},
	} {
		if all[i].TraceID != want.trace || all[i].Parent != want.parent {
			t.Errorf("transaction %d is in trace %s under %s, want %s and %s", i, all[i].TraceID, all[i].Parent, want.trace, want.parent)
		}
	}
}

// TestTransactionsOfPostgreSQLThatGoOnAreTold has sessions that are idle in a transaction:
// of one the client leaves, one is ended, and one goes on when spanbridge stops.
func TestTransactionsOfPostgreSQLThatGoOnAreTold(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	killer := openSession(t, server, pgx.QueryExecModeExec)
	leaves, ended, stays := openSession(t, server, pgx.QueryExecModeExec), openSession(t, server, pgx.QueryExecModeExec), openSession(t, server, pgx.QueryExecModeExec)
	b := startBridge(t, "--target", pidOf(server), "--open-after", "1s")
	for _, s := range []*session{leaves, ended, stays} {
		s.transact([]string{"BEGIN", "SELECT 7"}, false)
	}
	eventually(t, "records of all transactions", func() bool { return len(b.logs()) >= 3 })
	all := b.logs()
	killer.must("SELECT pg_terminate_backend($1)", int32(ended.PgConn().PID()))
	leaves.Close(context.WithoutCancel(t.Context()))
	eventually(t, "the end of two sessions", func() bool {
		var n int
		err := killer.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'").Scan(&n)
		return err == nil && n == 1
	})
	r := b.stop()
	r.mustClose(t)
	for _, test := range []struct {
		session *session
		want    pgEnd
	}{{leaves, pgEnd{"rollback", "", 2}}, {ended, pgEnd{"rollback", "", 2}}, {stays, pgEnd{"", "", 2}}} {
		pid := test.session.PgConn().PID()
		spans := r.transactions(pid)
		if len(spans) != 1 {
			t.Fatalf("%d transactions of session %d: %+v", len(spans), pid, spans)
		}
		span := &spans[0]
		if diff := cmp.Diff(test.want, pgEndOf(span)); diff != "" || (span.Attrs["spanbridge.unfinished"] == true) != (test.session == stays) || span.Attrs["user.name"] != "spanbridge" {
			t.Errorf("span %+v (-want +got):\n%s", span, diff)
		}
		i := slices.IndexFunc(all, func(l otlpLog) bool { return l.SpanID == span.SpanID })
		if i < 0 {
			t.Errorf("the transaction of session %d was not told: %+v", pid, all)
			continue
		}
		l := &all[i]
		if idle, _ := l.Attrs["spanbridge.idle.duration"].(float64); l.TraceID != span.TraceID || idle < 0.9 || l.Attrs["spanbridge.statements"] != int64(2) ||
			l.Attrs["db.namespace"] != "test" || l.Attrs["spanbridge.connection.id"] != int64(pid) {
			t.Errorf("record %+v", l)
		}
	}
}

// TestTransactionsAreCountedAsPostgreSQLCountsThem has pgbench commit, and sessions that
// fail and roll back, in a database of which the server counts the transactions.
func TestTransactionsAreCountedAsPostgreSQLCountsThem(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, "-c", "autovacuum=off")
	pgbench(t, server, "-i", "-q", "-s", "1")
	config, err := pgx.ParseConfig(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	config.Database = "postgres"
	reader, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(context.Background()) })
	count := func() (commits, rollbacks int64) {
		t.Helper()
		eventually(t, "the end of all sessions", func() bool {
			var sessions int
			err := reader.QueryRow(t.Context(), "SELECT numbackends, xact_commit, xact_rollback FROM pg_stat_database WHERE datname = 'test'").
				Scan(&sessions, &commits, &rollbacks)
			return err == nil && sessions == 0
		})
		return commits, rollbacks
	}
	commits, rollbacks := count()
	const perClient, bad = "300", 17
	r := watch(t, server, func() {
		for _, protocol := range []string{"simple", "extended", "prepared"} {
			pgbench(t, server, "-N", "-n", "-M", protocol, "-c", "2", "-t", perClient)
		}
		for _, mode := range pgModes {
			s := openSession(t, server, mode)
			for range bad {
				s.transact([]string{"SELECT 1/0"}, true)
				s.transact([]string{"BEGIN", "SELECT 1/0", "ROLLBACK"}, true)
				s.transact([]string{"BEGIN", "SELECT 1", "ROLLBACK"}, false)
			}
			s.Close(context.WithoutCancel(t.Context()))
		}
		c, b := count()
		commits, rollbacks = c-commits, b-rollbacks
	}, "--detail", "phases", "--min-duration", "1h")
	counted := make(map[any]int64)
	failed := int64(0)
	for _, p := range r.points(t, "spanbridge.transaction.duration") {
		if p.Attrs["db.namespace"] != "test" {
			continue
		}
		counted[p.Attrs["spanbridge.transaction.outcome"]] += int64(p.Count)
		if p.Attrs["error.type"] == "22012" {
			failed += int64(p.Count)
		}
	}
	if diff := cmp.Diff(map[any]int64{"commit": commits, "rollback": rollbacks}, counted); diff != "" || commits < 1800 || failed != 2*3*bad {
		t.Errorf("the server counts, and the histogram (-want +got), %d of them failed:\n%s", failed, diff)
	}
	if row := r.ledger[pgTransactions]; row["no_start"]+row["replaced"]+row["open"] != 0 || row["paired"] < uint64(commits+rollbacks) {
		t.Errorf("ledger %v", row)
	}
}
