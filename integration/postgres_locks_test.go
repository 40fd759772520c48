// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// waitsForLock waits until the server says that a session waits for a lock.
func (s *session) waitsForLock(other *session) {
	s.t.Helper()
	const query = "SELECT count(*) FROM pg_locks WHERE pid = $1 AND NOT granted"
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var n int
		if err := s.QueryRow(s.t.Context(), query, other.PgConn().PID()).Scan(&n); err != nil {
			s.t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
	s.t.Fatal("the session does not wait for a lock")
}

// between is what a client knows of a wait in the server: no shorter than the time
// in which it was seen to last, and no longer than the statement took.
type between struct{ least, most time.Duration }

func TestALockWaitOfPostgreSQLIsAChildOfItsLength(t *testing.T) {
	t.Parallel()
	const held, tolerance = 300 * time.Millisecond, 10 * time.Millisecond
	server := startPostgres(t)
	eachMode(t, func(t *testing.T, mode pgx.QueryExecMode) {
		holder, waiter := openSession(t, server, pgx.QueryExecModeExec), openSession(t, server, mode)
		holder.must("DROP TABLE IF EXISTS l")
		holder.must("CREATE TABLE l (id int PRIMARY KEY, n int)")
		holder.must("INSERT INTO l VALUES (1, 0)")
		var want []between
		r := watch(t, server, func() {
			holder.must("BEGIN")
			holder.must("UPDATE l SET n = 1 WHERE id = 1")
			done, begun := make(chan error), time.Now()
			go func() { done <- waiter.run("UPDATE l SET n = 2 WHERE id = 1") }()
			holder.waitsForLock(waiter)
			seen := time.Now()
			time.Sleep(held)
			least := time.Since(seen)
			holder.must("COMMIT")
			if err := <-done; err != nil {
				t.Error(err)
			}
			want = append(want, between{least, time.Since(begun)})
			// And one that the server ends itself, in a failure.
			holder.must("BEGIN")
			holder.must("UPDATE l SET n = 3 WHERE id = 1")
			waiter.must("SET lock_timeout = '300ms'")
			begun = time.Now()
			if err := waiter.run("DELETE FROM l"); err == nil {
				t.Error("the lock was had")
			}
			want = append(want, between{held - tolerance, time.Since(begun)})
			holder.must("COMMIT")
		})
		var got []time.Duration
		for _, s := range r.pgStatements(waiter.PgConn().PID()) {
			for _, child := range r.children(&s, "lock wait: transactionid") {
				got = append(got, child.duration())
				if child.Start < s.Start || child.End > s.End {
					t.Errorf("%s: the wait is not within the statement", s.text())
				}
			}
		}
		if len(got) != len(want) {
			t.Fatalf("lock waits of %v, want %v", got, want)
		}
		for i := range got {
			if got[i] < want[i].least || got[i] > want[i].most {
				t.Errorf("a lock wait of %v, want one between %v and %v", got[i], want[i].least, want[i].most)
			}
			t.Logf("a lock wait of %v, between %v and %v", got[i], want[i].least, want[i].most)
		}
	})
}
