// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare/perfschema"
	"github.com/spanbridge/spanbridge/compare/settings"
)

func watching(t *testing.T, db *sql.DB) *perfschema.Watch {
	t.Helper()
	w, err := perfschema.NewWatch(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func summary(t *testing.T, w *perfschema.Watch) *perfschema.Summary {
	t.Helper()
	s, err := w.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDigestsTellWhatCameAboutInBetween: of a statement that ran a number of times, and nothing of what reads them.
func TestDigestsTellWhatCameAboutInBetween(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, "--performance-schema=ON", "--performance-schema-digests-size=200")
			db := handle(t, s)
			w := watching(t, db)
			times := func(n int, text string) {
				for range n {
					if rows, err := db.QueryContext(t.Context(), text); err == nil {
						rows.Close()
					}
				}
			}
			times(5, "SELECT 'before', SLEEP(0)")
			before := summary(t, w)
			times(23, "SELECT 'secret', SLEEP(0.002)")
			times(7, "SELECT 'secret' FROM nothing_of_that_name")
			d := summary(t, w).Since(before)
			if len(d.Digests) != 2 || len(d.Lost) > 0 || d.Emptied || d.Other.Count > 0 || !d.To.After(d.From) {
				t.Fatalf("%+v", d)
			}
			slept, failed := d.Digests[0], d.Digests[1]
			if slept.Count != 23 || slept.Errors != 0 || slept.Sent != 23 || slept.Database != "test" || slept.Total < 46*time.Millisecond ||
				failed.Count != 7 || failed.Errors != 7 || strings.Contains(slept.Text, "secret") || !strings.HasPrefix(slept.Text, "SELECT ") {
				t.Errorf("%+v", d.Digests)
			}
			if h := slept.Histogram; name == "mysql" {
				if q := h.Quantile(0.5); h.Count() != 23 || d.All.Count() < 30 || q.Low < time.Millisecond || q.High > time.Second {
					t.Errorf("%+v, of all %+v", h, d.All)
				}
			} else if len(h) > 0 {
				t.Errorf("MariaDB has no histograms: %+v", h)
			}
			before = summary(t, w)
			for i := range 300 {
				times(1, fmt.Sprintf("SELECT 1 AS name_%d", i))
			}
			d = summary(t, w).Since(before)
			var told uint64
			for _, one := range d.Digests {
				told += one.Count
			}
			if told+d.Other.Count != 300 || d.Other.Count < 90 || d.Lost["digest"] < 90 {
				t.Errorf("%d told of 300, %d of other texts, lost %v", told, d.Other.Count, d.Lost)
			}
			before = summary(t, w)
			if _, err := db.ExecContext(t.Context(), "TRUNCATE performance_schema.events_statements_summary_by_digest"); err != nil {
				t.Fatal(err)
			}
			if d := summary(t, w).Since(before); !d.Emptied {
				t.Errorf("it was emptied: %+v", d)
			}
		})
	}
}

// TestWhoWaitsForWhomIsTold: for a row, and for the definition of a table, also behind somebody who waits for that.
func TestWhoWaitsForWhomIsTold(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, "--performance-schema=ON")
			db := handle(t, s)
			session, err := settings.Open(t.Context(), db, t.TempDir()+"/state.json")
			if err != nil {
				t.Fatal(err)
			}
			defer session.Restore(context.Background())
			if err := perfschema.SetupLocks(t.Context(), session); err != nil {
				t.Fatal(err)
			}
			w := watching(t, db)
			holder, _ := client(t, db)
			for _, q := range []string{"CREATE TABLE held (id INT PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO held VALUES (1)", "BEGIN",
				"UPDATE held SET id = 1"} {
				must(t, holder, q)
			}
			must(t, holder, "SELECT * FROM held FOR UPDATE")
			waiter, id := client(t, db)
			began := time.Now()
			done := make(chan error, 3)
			go func() { _, err := waiter.ExecContext(t.Context(), "DELETE FROM held WHERE id = 1"); done <- err }()
			row := waitFor(t, w, func(l perfschema.LockWait) bool { return l.Waiting == id })
			if row.Kind != perfschema.RowLock || row.Blocking != idOf(t, holder) || row.Object != "test.held" || row.Index != "PRIMARY" ||
				!strings.HasPrefix(row.Mode, "X") || !strings.HasPrefix(row.Held, "X") || row.Since.Before(began.Add(-2*time.Second)) {
				t.Errorf("%+v", row)
			}
			alter, alterID := client(t, db)
			go func() {
				_, err := alter.ExecContext(t.Context(), "ALTER TABLE held ADD c INT, ALGORITHM=COPY, LOCK=SHARED")
				done <- err
			}()
			behind := waitFor(t, w, func(l perfschema.LockWait) bool { return l.Waiting == alterID && l.Blocking == idOf(t, holder) })
			if behind.Kind != perfschema.MetadataLock || behind.Object != "test.held" || behind.Since.After(time.Now().Add(2*time.Second)) {
				t.Errorf("%+v", behind)
			}
			reader, readerID := client(t, db)
			go func() { _, err := reader.ExecContext(t.Context(), "UPDATE held SET id = 2 WHERE id = 7"); done <- err }()
			last := waitFor(t, w, func(l perfschema.LockWait) bool { return l.Waiting == readerID })
			if last.Kind != perfschema.MetadataLock || last.Blocking != alterID {
				t.Errorf("behind who waits: %+v", last)
			}
			must(t, holder, "ROLLBACK")
			for range 3 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			if all, err := w.LockWaits(t.Context()); err != nil || len(all) > 0 {
				t.Errorf("nobody waits any more: %+v, %v", all, err)
			}
		})
	}
}

func client(t *testing.T, db *sql.DB) (*sql.Conn, uint64) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, idOf(t, conn)
}

func idOf(t *testing.T, conn *sql.Conn) (id uint64) {
	t.Helper()
	if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

func must(t *testing.T, conn *sql.Conn, text string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), text); err != nil {
		t.Fatal(text, err)
	}
}

func waitFor(t *testing.T, w *perfschema.Watch, is func(perfschema.LockWait) bool) perfschema.LockWait {
	t.Helper()
	var all []perfschema.LockWait
	for range 100 {
		var err error
		if all, err = w.LockWaits(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i]
		}
	}
	t.Fatalf("nobody waits: %+v", all)
	return perfschema.LockWait{}
}
