// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/compare/telemetry"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// freePort is one that nobody listens on, for now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func handle(t *testing.T, s *servers.Server) *sql.DB {
	t.Helper()
	db, err := sql.Open(s.Driver, s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxIdleConns(-1) // no connection from before
	return db
}

// telling starts a MySQL whose component sends spans to an address, and does what is needed.
func telling(t *testing.T, address string, args ...string) (*servers.Server, *sql.DB, *telemetry.State) {
	t.Helper()
	s := startServer(t, "mysql", append([]string{
		"--loose-telemetry.otel_exporter_otlp_traces_endpoint=http://" + address + "/v1/traces"}, args...)...)
	db := handle(t, s)
	for range 3 {
		state, err := telemetry.Inspect(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		if len(state.Needs) == 0 {
			return s, db, state
		}
		if len(state.Needs) > 1 {
			t.Fatalf("%+v", state.Needs)
		}
		mend, _, _ := strings.Cut(state.Needs[0].Mend, ", ")
		if _, err := db.ExecContext(t.Context(), mend); err != nil {
			t.Fatal(mend, err)
		}
	}
	t.Fatal("what is needed was done, and is still needed")
	return nil, nil, nil
}

// collecting reads an account until stop is called.
func collecting(t *testing.T, open func(context.Context) (compare.Account, error)) (stop func() *compare.Listing) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	account, err := open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan *compare.Listing, 1)
	go func() {
		l, err := compare.Collect(account, 1<<20)
		if err != nil {
			t.Error(err)
		}
		done <- l
	}()
	return func() *compare.Listing { cancel(); return <-done }
}

// mixed runs a mixed load, and returns what its clients know.
func mixed(t *testing.T, s *servers.Server, spec string) *compare.Listing {
	t.Helper()
	l, err := load.Parse(spec, s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	m := l.(*load.Mixed)
	m.Keep(100_000)
	_, err = m.Run(t.Context(), time.Minute)
	if err := errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	journal, err := compare.Collect(m.Journal(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return journal
}

// ofJournal leaves out what other clients did, the test itself among them.
func ofJournal(journal, account *compare.Listing) *compare.Listing {
	ours := make(map[uint64]bool)
	for i := range journal.Statements {
		ours[journal.Statements[i].Connection] = true
	}
	kept := *account
	kept.Statements = nil
	for _, s := range account.Statements {
		if ours[s.Connection] {
			kept.Statements = append(kept.Statements, s)
		}
	}
	return &kept
}

// agrees holds an account against the journal: it lacks nothing, has nothing else, and tells the same,
// and each of the fields of most statements.
func agrees(t *testing.T, journal, account *compare.Listing, fields ...compare.Field) *compare.Verdict {
	t.Helper()
	account = ofJournal(journal, account)
	v := compare.Judge(journal, account, compare.Window{To: 1 << 62})
	for _, m := range v.MissingB {
		t.Errorf("%d statements are missing (%s), such as %+v", m.Count, m.Reason, journal.Statements[m.Examples[0]])
	}
	for _, m := range v.MissingA {
		t.Errorf("clients know nothing of %d (%s), such as %+v", m.Count, m.Reason, account.Statements[m.Examples[0]])
	}
	equal := make(map[compare.Field]int)
	for _, f := range v.Fields {
		equal[f.Field] = f.Equal
		if f.Differ > 0 {
			e := f.Examples[0]
			t.Errorf("%s differs for %d statements: clients %+v, account %+v", f.Field, f.Differ, journal.Statements[e.A], account.Statements[e.B])
		}
	}
	for _, f := range fields {
		if equal[f] < v.Matched/2 {
			t.Errorf("%s is the same for %d of %d statements only", f, equal[f], v.Matched)
		}
	}
	t.Logf("%d matched, latency %+v", v.Matched, v.Latency)
	return v
}

func TestMySQLsTelemetryTellsWhatClientsDid(t *testing.T) {
	s, db, state := telling(t, freePort(t))
	stop := collecting(t, func(ctx context.Context) (compare.Account, error) {
		return telemetry.Listen(ctx, state.Endpoint, telemetry.Options{DB: db, MaxText: state.MaxText})
	})
	open, err := db.Conn(t.Context()) // until after the end
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	var id uint64
	for i := range 20 {
		if err := open.QueryRowContext(t.Context(), fmt.Sprintf("SELECT CONNECTION_ID() AS n%d", i)).Scan(&id); err != nil {
			t.Fatal(err)
		}
	}
	journal := mixed(t, s, "mixed:statements=1500,connections=3")
	account := stop()
	v := agrees(t, journal, account, compare.FieldText, compare.FieldError, compare.FieldRowsSent, compare.FieldDatabase)
	if l := v.Latency; l.Pairs < v.Matched*9/10 || l.Ratio <= 0 || l.Ratio > 1 || l.Median > 0 {
		t.Errorf("latency %+v", l)
	}
	mine := 0
	for _, s := range account.Statements {
		if s.Connection == id && strings.HasPrefix(s.Text, "SELECT CONNECTION_ID() AS n") {
			mine++
		}
	}
	if mine != 20 {
		t.Errorf("%d of 20 statements of the open connection are there", mine)
	}
	for _, l := range account.Losses {
		t.Errorf("%+v", l)
	}
}

// TestSpansThatMySQLDropsAreTold: while nothing answers the exporter a short queue runs over. What the clients did then is
// lost, and told as lost; what they did later is there. How many statements are lost the server does not say: it writes a line for
// each span that it drops, of which some are of sessions, of preparations and of statements in procedures.
func TestSpansThatMySQLDropsAreTold(t *testing.T) {
	gate, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	s, db, state := telling(t, gate.Addr().String(), "--loose-telemetry.otel_bsp_max_queue_size=64",
		"--loose-telemetry.otel_bsp_max_export_batch_size=32", "--loose-telemetry.otel_exporter_otlp_traces_timeout=1000")
	if state.QueueSize > 1000 {
		t.Fatalf("%+v", state)
	}
	receiver := freePort(t)
	stop := collecting(t, func(ctx context.Context) (compare.Account, error) {
		return telemetry.Listen(ctx, "http://"+receiver+"/v1/traces", telemetry.Options{DB: db})
	})
	open := make(chan struct{})
	go passOn(gate, receiver, open)
	journal := mixed(t, s, "mixed:statements=1000,connections=2")
	first := len(journal.Statements)
	close(open)
	time.Sleep(3 * time.Second) // what timed out is tried no more, and the queue is empty
	for range 3 {
		later := mixed(t, s, "mixed:statements=25,connections=1") // fewer than fill the queue
		journal.Statements = append(journal.Statements, later.Statements...)
		time.Sleep(1500 * time.Millisecond)
	}
	account := stop()
	v := compare.Judge(journal, ofJournal(journal, account), compare.Window{To: 1 << 62})
	lost, told := 0, uint64(0)
	for _, m := range v.MissingB {
		t.Logf("%d missing: %s", m.Count, m.Reason)
		lost += m.Count
	}
	for _, l := range account.Losses {
		told += l.Count
	}
	t.Logf("of %d statements %d are missing; %d spans are told as lost", len(journal.Statements), lost, told)
	if v.UnknownB > 0 || lost < first/2 || lost > first || told < uint64(lost) {
		t.Errorf("of %d statements, %d of them while nothing answered, %d are missing, %d unexplained; %d spans are told as lost",
			len(journal.Statements), first, lost, v.UnknownB, told)
	}
}

// passOn passes connections on once that is open; until then they get no answer.
func passOn(gate net.Listener, to string, open <-chan struct{}) {
	for {
		from, err := gate.Accept()
		if err != nil {
			return
		}
		go func() {
			<-open
			pass(from, to)
		}()
	}
}

func pass(from net.Conn, address string) {
	defer from.Close()
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer to.Close()
	go func() { _, _ = io.Copy(to, from) }()
	_, _ = io.Copy(from, to)
}
