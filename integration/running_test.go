// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// otlpLog is a log record as read back from OTLP JSON.
type otlpLog struct {
	TraceID        string `json:"traceId"`
	SpanID         string `json:"spanId"`
	SeverityNumber int    `json:"severityNumber"`
	EventName      string `json:"eventName"`
	Body           struct {
		String string `json:"stringValue"`
	} `json:"body"`
	RawAttrs []otlpAttr     `json:"attributes"`
	Attrs    map[string]any `json:"-"`
	Resource map[string]any `json:"-"`
}

// logs reads the log records that were written so far.
func (b *runningBridge) logs() (all []otlpLog) {
	b.t.Helper()
	data, err := os.ReadFile(b.output)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, line := range bytes.Split(data, []byte("\n")) {
		var request struct {
			ResourceLogs []struct {
				Resource  struct{ Attributes []otlpAttr }
				ScopeLogs []struct{ LogRecords []otlpLog }
			}
		}
		if json.Unmarshal(line, &request) != nil { // of the last line a part may be there
			continue
		}
		for _, rl := range request.ResourceLogs {
			for _, sl := range rl.ScopeLogs {
				for _, l := range sl.LogRecords {
					l.Attrs, l.Resource = attrMap(l.RawAttrs), attrMap(rl.Resource.Attributes)
					all = append(all, l)
				}
			}
		}
	}
	return all
}

// connectionOf takes a connection and its number.
func connectionOf(t *testing.T, db *sql.DB) (*sql.Conn, int64) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var id int64
	if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return conn, id
}

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

// TestWhatRunsIsToldWhileItRuns has statements wait for a row, one under a trace of its
// application and one without, and holds what is told of them against the spans
// that come when they have ended.
func TestWhatRunsIsToldWhileItRuns(t *testing.T) {
	t.Parallel()
	for _, product := range []struct {
		name     string
		start    func(context.Context, ...servers.Option) (*servers.Server, error)
		namesRow bool // the server's code tells who holds the lock
	}{
		{"mariadb", servers.StockMariaDB, false}, {"mysql", servers.MySQL, true},
	} {
		t.Run(product.name, func(t *testing.T) {
			t.Parallel()
			s := way{product.name, product.start}.server(t)
			db := openPool(t, s)
			mustExec(t, db, "CREATE TABLE items (id INT PRIMARY KEY, price INT)")
			mustExec(t, db, "INSERT INTO items VALUES (7, 1)")
			holder, holderID := connectionOf(t, db)
			tx, err := holder.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(t.Context(), "UPDATE items SET price = 2 WHERE id = 7"); err != nil {
				t.Fatal(err)
			}
			b := startBridge(t, "--target", pidOf(s), "--detail", "phases", "--open-after", "1s")
			ended := make(chan error)
			ids := make(map[string]int64)
			for i, statement := range []string{
				"/*traceparent='00-" + callersTrace + "-" + callersSpan + "-01'*/ UPDATE items SET price = 31 WHERE id = 7",
				"DELETE FROM items WHERE price = 41 AND id = 7",
			} {
				conn, id := connectionOf(t, db)
				ids[[]string{"UPDATE items", "DELETE items"}[i]] = id
				go func() {
					_, err := conn.ExecContext(context.WithoutCancel(t.Context()), statement)
					ended <- err
				}()
			}
			eventually(t, "records of both statements", func() bool { return len(b.logs()) >= 2 })
			all := b.logs()
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
			for range ids {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			r := b.stop()
			r.mustClose(t)
			if len(all) != 2 {
				t.Fatalf("%d records: %+v", len(all), all)
			}
			for i := range all {
				l := &all[i]
				summary, _ := l.Attrs["db.query.summary"].(string)
				if l.SeverityNumber != 13 || l.EventName != "spanbridge.operation.running" || l.Resource["process.pid"] != int64(s.PID) {
					t.Errorf("record %+v", l)
				}
				if ids[summary] == 0 || l.Attrs["spanbridge.connection.id"] != ids[summary] || l.Attrs["user.name"] != "spanbridge" ||
					l.Attrs["db.namespace"] != "test" || l.Attrs["spanbridge.unfinished"] != true {
					t.Errorf("attributes %v, connections %v", l.Attrs, ids)
				}
				if text, _ := l.Attrs["db.query.text"].(string); !strings.Contains(text, "?") || strings.ContainsAny(text, "1347") {
					t.Errorf("text %q", text)
				}
				if age, _ := l.Attrs["spanbridge.running.duration"].(float64); age < 1 || age > 30 {
					t.Errorf("it has run for %v s", age)
				}
				if l.Attrs["spanbridge.running.wait"] != "row lock wait" || !strings.Contains(l.Body.String, ": row lock wait for ") {
					t.Errorf("it waits for %v: %q", l.Attrs["spanbridge.running.wait"], l.Body.String)
				}
				if blocker := l.Attrs["spanbridge.lock.blocker.connection.id"]; product.namesRow && blocker == nil ||
					summary == "UPDATE items" && product.namesRow && blocker != holderID {
					t.Errorf("held by %v, want %d", blocker, holderID)
				}
				span := r.spanOf(l.SpanID)
				if span == nil || span.TraceID != l.TraceID || span.Attrs["spanbridge.unfinished"] != nil {
					t.Errorf("record %+v, span %+v", l, span)
				}
				if traced := l.TraceID == callersTrace; traced != (summary == "UPDATE items") {
					t.Errorf("%s is told under trace %s", summary, l.TraceID)
				}
			}
		})
	}
}

// TestWhatRunsInAProcedureIsToldInTheTraceOfItsCall has a procedure sleep. While it
// does, the server has the text of the statement in it at hand.
func TestWhatRunsInAProcedureIsToldInTheTraceOfItsCall(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(context.Context, ...servers.Option) (*servers.Server, error){
		"mariadb": servers.StockMariaDB, "mysql": servers.MySQL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := way{name, start}.server(t)
			db := openPool(t, s)
			mustExec(t, db, "CREATE PROCEDURE slow() BEGIN DO SLEEP(3); END")
			conn, id := connectionOf(t, db)
			b := startBridge(t, "--target", pidOf(s), "--open-after", "1s")
			if _, err := conn.ExecContext(t.Context(), "CALL slow()"); err != nil {
				t.Fatal(err)
			}
			all := b.logs()
			r := b.stop()
			r.mustClose(t)
			if len(all) != 2 {
				t.Fatalf("%d records: %+v", len(all), all)
			}
			for i, want := range []struct {
				told any
				text string
			}{{nil, "CALL slow()"}, {"DO SLEEP(?)", "DO SLEEP(?)"}} {
				l := &all[i]
				if l.Attrs["db.query.text"] != want.told || l.TraceID != all[0].TraceID || l.Attrs["spanbridge.connection.id"] != id {
					t.Errorf("record %+v", l)
				}
				if span := r.spanOf(l.SpanID); span == nil || span.TraceID != l.TraceID || span.text() != want.text {
					t.Errorf("record %+v, span %+v", l, span)
				}
			}
		})
	}
}

// spanOf returns the span of that id.
func (r *result) spanOf(id string) *otlpSpan {
	for i := range r.spans {
		if r.spans[i].SpanID == id {
			return &r.spans[i]
		}
	}
	return nil
}

// TestStatementsOfAKilledMySQLAreUnfinished has the last words of a server that dies
// with a statement: what was told while it ran has the text, and the same ids.
func TestStatementsOfAKilledMySQLAreUnfinished(t *testing.T) {
	t.Parallel()
	s := way{"mysql", servers.MySQL}.server(t)
	db := openPool(t, s)
	conn, _ := connectionOf(t, db)
	b := startBridge(t, "--target", pidOf(s), "--open-after", "1s")
	ended := make(chan error)
	go func() {
		_, err := conn.ExecContext(context.WithoutCancel(t.Context()), "DO SLEEP(60)")
		ended <- err
	}()
	eventually(t, "a record", func() bool { return len(b.logs()) > 0 })
	if err := s.Kill9(); err != nil {
		t.Fatal(err)
	}
	if <-ended == nil {
		t.Error("the statement has ended well")
	}
	told := b.logs()[0]
	r := b.stop()
	r.mustClose(t)
	span := r.spanOf(told.SpanID)
	if told.Attrs["db.query.text"] != "DO SLEEP(?)" || span == nil {
		t.Fatalf("told %+v, span %+v\n%s", told, span, r.stderr)
	}
	if span.TraceID != told.TraceID || span.Attrs["spanbridge.unfinished"] != true || span.Status.Code != 2 {
		t.Errorf("span %+v", span)
	}
}
