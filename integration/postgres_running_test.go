// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// begin runs a statement in the background, whatever becomes of it.
func (s *session) begin(query string) (ended chan error) {
	ended = make(chan error, 1)
	go func() {
		_, err := s.Exec(context.WithoutCancel(s.t.Context()), query)
		ended <- err
	}()
	return ended
}

// untilRuns waits until the server says that a session runs such a statement.
func (s *session) untilRuns(other *session, like string) {
	s.t.Helper()
	eventually(s.t, "a statement that runs", func() bool {
		var n int
		err := s.QueryRow(s.t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query LIKE $2",
			other.PgConn().PID(), like).Scan(&n)
		return err == nil && n == 1
	})
}

// cancel ends what a session runs.
func (s *session) cancel(other *session) {
	s.t.Helper()
	s.must("SELECT pg_cancel_backend($1)", int32(other.PgConn().PID()))
}

// oneUnfinished returns the span of the only statement that was not seen to end. What
// it was in has not ended either.
func (r *result) oneUnfinished(t *testing.T) *otlpSpan {
	t.Helper()
	all, _ := r.unfinished()
	all = slices.DeleteFunc(all, func(s otlpSpan) bool { return s.Kind != kindServer })
	if len(all) != 1 {
		t.Fatalf("%d unfinished statements, want 1: %+v\n%s", len(all), all, r.stderr)
	}
	if inner := r.children(&all[0], "execute"); len(inner) != 1 || inner[0].Attrs["spanbridge.unfinished"] != true {
		t.Errorf("inner operations %+v", inner)
	}
	return &all[0]
}

// TestWhatRunsOnPostgreSQLIsToldWhileItRuns has one statement wait for a row, under
// the trace of its application, one sleep and one compute, and holds what is told of
// them against the spans that come when they have ended.
func TestWhatRunsOnPostgreSQLIsToldWhileItRuns(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	setup := openSession(t, server, pgx.QueryExecModeExec)
	setup.must("CREATE TABLE items (id int PRIMARY KEY, price int)")
	setup.must("INSERT INTO items VALUES (7, 1)")
	eachMode(t, func(t *testing.T, mode pgx.QueryExecMode) {
		holder, idle := openSession(t, server, pgx.QueryExecModeExec), openSession(t, server, mode)
		holder.must("BEGIN")
		holder.must("UPDATE items SET price = 2 WHERE id = 7")
		idle.must("BEGIN")
		const updating = "UPDATE items SET price = ? WHERE id = ?"
		running := map[string]struct {
			query, wait string
			now         []string
		}{ // by their text
			updating: {
				"UPDATE items SET price = 31 WHERE id = 7 /*traceparent='00-" + callersTrace + "-" + callersSpan + "-01'*/",
				"lock wait: transactionid", []string{"lock"},
			},
			"SELECT pg_sleep(?)": {"SELECT pg_sleep(60)", "execute", []string{"other"}},
			"DO ?":               {"DO $$ BEGIN LOOP END LOOP; END $$", "execute", []string{"cpu", "run_queue"}},
		}
		b := startBridge(t, "--target", pidOf(server), "--open-after", "1s")
		sessions, ended := make(map[string]*session), make(map[string]chan error)
		for text, one := range running {
			sessions[text] = openSession(t, server, mode)
			ended[text] = sessions[text].begin(one.query)
		}
		eventually(t, "records of all statements", func() bool { return len(b.logs()) >= len(running) })
		all := b.logs()
		holder.must("COMMIT")
		for text, s := range sessions {
			if text != updating {
				setup.cancel(s)
			}
			<-ended[text]
		}
		r := b.stop()
		r.mustClose(t)
		if len(all) != len(running) {
			t.Fatalf("%d records: %+v", len(all), all)
		}
		for i := range all {
			l := &all[i]
			text, _ := l.Attrs["db.query.text"].(string)
			text, _, _ = strings.Cut(text, " /*")
			want, known := running[text]
			if !known {
				t.Fatalf("told of %q", text)
			}
			if l.Attrs["spanbridge.connection.id"] != int64(sessions[text].PgConn().PID()) || l.Attrs["user.name"] != "spanbridge" ||
				l.Attrs["db.namespace"] != "test" || l.Attrs["client.address"] != "127.0.0.1" || l.Resource["process.pid"] != int64(server.PID) {
				t.Errorf("attributes %v of %v", l.Attrs, l.Resource)
			}
			if now, _ := l.Attrs["spanbridge.time.now"].(string); l.Attrs["spanbridge.running.wait"] != want.wait || !slices.Contains(want.now, now) {
				t.Errorf("%s is in %v, its thread at %q: %q", text, l.Attrs["spanbridge.running.wait"], now, l.Body.String)
			}
			span := r.spanOf(l.SpanID)
			if span == nil || span.TraceID != l.TraceID || span.Attrs["spanbridge.unfinished"] != nil || span.text() != l.Attrs["db.query.text"] {
				t.Errorf("record %+v, span %+v", l, span)
			}
			if traced := l.TraceID == callersTrace; traced != (text == updating) {
				t.Errorf("%s is told under trace %s", text, l.TraceID)
			}
		}
	})
}

// TestStatementsOfPostgreSQLUnderWayAtTheEndAreUnfinished also has sessions that do
// nothing, in a transaction and out of one.
func TestStatementsOfPostgreSQLUnderWayAtTheEndAreUnfinished(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	eachMode(t, func(t *testing.T, mode pgx.QueryExecMode) {
		idle, sleeper, setup := openSession(t, server, mode), openSession(t, server, mode), openSession(t, server, mode)
		b := startBridge(t, "--target", pidOf(server))
		for _, s := range []*session{setup, idle, sleeper} {
			s.must("SELECT 1")
		}
		idle.must("BEGIN")
		ended := sleeper.begin("SELECT pg_sleep(60)")
		setup.untilRuns(sleeper, "SELECT pg_sleep%")
		time.Sleep(300 * time.Millisecond)
		r := b.stop()
		r.mustClose(t)
		setup.cancel(sleeper)
		<-ended
		one := r.oneUnfinished(t)
		if one.text() != "SELECT pg_sleep(?)" || one.Status.Code != 0 || one.duration() < 250*time.Millisecond || one.duration() > 20*time.Second ||
			one.Attrs["spanbridge.connection.id"] != int64(sleeper.PgConn().PID()) || one.Attrs["user.name"] != "spanbridge" || one.Attrs["db.namespace"] != "test" {
			t.Errorf("span %+v", one)
		}
	})
}

// TestStatementsOfAKilledSessionOfPostgreSQLAreUnfinished kills a session, upon which
// the server ends all others.
func TestStatementsOfAKilledSessionOfPostgreSQLAreUnfinished(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	eachMode(t, func(t *testing.T, mode pgx.QueryExecMode) {
		victim, idle := openSession(t, server, mode), openSession(t, server, mode)
		b := startBridge(t, "--target", pidOf(server), "--open-after", "1s")
		idle.must("SELECT 7")
		ended := victim.begin("SELECT pg_sleep(60)")
		eventually(t, "a record", func() bool { return len(b.logs()) > 0 })
		if err := syscall.Kill(int(victim.PgConn().PID()), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if <-ended == nil {
			t.Error("the statement has ended well")
		}
		told := b.logs()[0]
		eventually(t, "the end of the other session", func() bool {
			return errors.Is(syscall.Kill(int(idle.PgConn().PID()), 0), syscall.ESRCH)
		})
		eventually(t, "a session after the server's recovery", func() bool {
			conn, err := pgx.Connect(t.Context(), server.DSN)
			if err == nil {
				conn.Close(t.Context())
			}
			return err == nil
		})
		r := b.stop()
		r.mustClose(t)
		span := r.oneUnfinished(t)
		if told.Attrs["db.query.text"] != "SELECT pg_sleep(?)" || span.SpanID != told.SpanID || span.TraceID != told.TraceID {
			t.Errorf("told %+v, span %+v", told, span)
		}
		if span.Status.Code != 2 || span.Status.Message != "the serving thread ended first" || span.Attrs["error.type"] != "_OTHER" {
			t.Errorf("span %+v", span)
		}
		if row := r.ledger[postgresQueries]; row["abandoned"] != 1 || row["unfinished"] != 1 || row["open"] != 0 || row["no_start"] != 0 {
			t.Errorf("ledger %v: want abandoned=1, unfinished=1 and neither open nor no_start", row)
		}
	})
}
