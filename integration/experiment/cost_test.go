// SPDX-License-Identifier: Apache-2.0

//go:build integration

package experiment

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/integration/program"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// watched is what can be seen of a method from outside of what is tested.
type watched struct {
	t      *testing.T
	db     *sql.DB
	server *server.Server
	dsn    string

	method string                     // that should be on
	seen   map[string]map[string]bool // by method, what was seen to be on in its slices
	marks  map[string]int64           // what grows while a method is on
}

// start makes a table on a server, and finds its process.
func start(t *testing.T, s *servers.Server, err error) *watched {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := &watched{t: t, dsn: s.DSN + "?interpolateParams=true", seen: make(map[string]map[string]bool), marks: make(map[string]int64)}
	if w.db, err = sql.Open("mysql", w.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	w.must("CREATE TABLE numbers (id INT PRIMARY KEY, label CHAR(20))")
	w.must("INSERT INTO numbers VALUES (1, 'one'), (2, 'two'), (3, 'three')")
	w.ask()
	return w
}

// ask asks the server how it is set now.
func (w *watched) ask() {
	w.t.Helper()
	var err error
	if w.server, err = server.Ask(w.t.Context(), w.db); err != nil {
		w.t.Fatal(err)
	}
	if err := w.server.Find(nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) must(statement string) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.t.Context(), statement); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

func (w *watched) number(query string) (n int64) {
	w.t.Helper()
	if err := w.db.QueryRowContext(w.t.Context(), query).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Name, Run and Close make it a load: statements of two new connections. After each
// slice it looks what was on.
func (w *watched) Name() string { return "numbers" }
func (w *watched) Close() error { return nil }

func (w *watched) Run(ctx context.Context, d time.Duration) (load.Stats, error) {
	w.grown() // what happened between slices
	var clients sync.WaitGroup
	var statements atomic.Uint64
	var took atomic.Int64
	db, err := sql.Open("mysql", w.dsn)
	if err != nil {
		return load.Stats{}, err
	}
	defer db.Close()
	begin := time.Now()
	for range 2 {
		clients.Go(func() {
			for n := 0; time.Since(begin) < d; n++ {
				var label string
				from := time.Now()
				if err := db.QueryRowContext(ctx, "SELECT label FROM numbers WHERE id = ?", 1+n%3).Scan(&label); err != nil {
					w.t.Errorf("the load: %v", err)
					return
				}
				took.Add(int64(time.Since(from)))
				statements.Add(1)
			}
		})
	}
	clients.Wait()
	stats := load.Stats{Statements: statements.Load(), Seconds: time.Since(begin).Seconds()}
	stats.P50 = time.Duration(took.Load() / int64(max(1, stats.Statements)))
	w.look(int64(stats.Statements))
	return stats, nil
}

// grown tells by how much has grown what a method makes grow.
func (w *watched) grown() map[string]int64 {
	now := map[string]int64{}
	for name, log := range map[string]string{"generallog": "general", "slowlog": "slow"} {
		paths, _ := filepath.Glob(w.server.Path(filepath.Join(w.server.Variable("datadir"), "spanbridge-cost-"+log+"-*.log")))
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil {
				now[name] = info.Size()
			}
		}
	}
	if w.server.On("performance_schema") {
		now["perfschema"] = w.number("SELECT SUM(COUNT_STAR) FROM performance_schema.events_statements_summary_global_by_event_name WHERE EVENT_NAME = 'statement/sql/select'")
		now["waits"] = w.number("SELECT SUM(COUNT_STAR) FROM performance_schema.events_waits_summary_global_by_event_name WHERE EVENT_NAME LIKE 'wait/synch/%'")
		now["history_long"] = w.number("SELECT COALESCE(MAX(EVENT_ID), 0) FROM performance_schema.events_statements_history_long")
	}
	more := make(map[string]int64)
	for name, n := range now {
		more[name] = n - w.marks[name]
	}
	w.marks = now
	return more
}

// look remembers what was on in a slice of so many statements.
func (w *watched) look(statements int64) {
	on := make(map[string]bool)
	more := w.grown()
	for name, least := range map[string]int64{"generallog": 30 * statements, "slowlog": 100 * statements, "perfschema": statements, "waits": statements} {
		switch n := more[name]; {
		case n >= least:
			on[name] = true
		case n > least/20+2000:
			w.t.Errorf("%s: %s grew by %d in a slice of %d statements", w.method, name, n, statements)
		}
	}
	if w.server.On("performance_schema") && w.number("SELECT COUNT(*) FROM performance_schema.setup_consumers WHERE NAME = 'events_statements_history_long' AND ENABLED = 'YES'") > 0 {
		on["history_long"] = true
	}
	if w.server.Has("telemetry.trace_enabled") && w.number("SELECT @@GLOBAL.telemetry.trace_enabled") > 0 {
		on["telemetry"] = true
	}
	for _, name := range children(w.t) {
		on[name] = true
	}
	if w.seen[w.method] == nil {
		w.seen[w.method] = on
	} else if diff := cmp.Diff(w.seen[w.method], on); diff != "" {
		w.t.Errorf("%s is not the same in each of its slices (-first +now):\n%s", w.method, diff)
	}
}

// children are the programs that watch from outside.
func children(t *testing.T) (names []string) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children") // proc_pid_task(5)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, pid := range strings.Fields(string(text)) {
			name, _ := os.ReadFile("/proc/" + pid + "/comm")
			if n := strings.TrimSpace(string(name)); n == "spanbridge" || n == "bpftrace" {
				names = append(names, n)
			}
		}
	}
	return names
}

// snapshot is how a server is set.
func (w *watched) snapshot() map[string]string {
	w.t.Helper()
	all := make(map[string]string)
	queries := []string{"SHOW GLOBAL VARIABLES"}
	if w.server.On("performance_schema") {
		queries = append(queries, "SELECT NAME, ENABLED FROM performance_schema.setup_consumers",
			"SELECT NAME, CONCAT(ENABLED, IFNULL(TIMED, '')) FROM performance_schema.setup_instruments")
	}
	for _, q := range queries {
		rows, err := w.db.QueryContext(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name, value string
			if err := rows.Scan(&name, &value); err != nil {
				w.t.Fatal(err)
			}
			if !strings.HasPrefix(name, "gtid_") { // what was executed
				all[name] = value
			}
		}
		if err := rows.Err(); err != nil {
			w.t.Fatal(err)
		}
	}
	return all
}

// noLogs checks that no log of a measurement is left.
func (w *watched) noLogs() {
	w.t.Helper()
	if left, err := filepath.Glob(w.server.Path(filepath.Join(w.server.Variable("datadir"), "*spanbridge*"))); err != nil || len(left) > 0 {
		w.t.Errorf("left behind: %v %v", left, err)
	}
}

// measure has all methods measured in short slices.
func (w *watched) measure(methods ...string) *cost.Result {
	w.t.Helper()
	path, err := program.Path()
	if err != nil {
		w.t.Fatal(err)
	}
	w.method = "to warm up"
	before := w.snapshot()
	state := filepath.Join(w.t.TempDir(), "state.json")
	r, err := cost.Run(w.t.Context(), cost.Options{
		DB: w.db, Server: w.server, Load: w, Methods: methods, Rounds: 6, Slice: 200 * time.Millisecond, State: state, Program: path,
		Progress: func(p cost.Progress) { w.method = p.Method },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.snapshot()); diff != "" {
		w.t.Errorf("the server is not set as it was (-before +after):\n%s", diff)
	}
	if _, err := os.Stat(state); err == nil {
		w.t.Errorf("left behind: %s", state)
	}
	w.noLogs()
	delete(w.seen, "to warm up")
	for _, m := range r.Methods {
		w.t.Logf("%-24s %6.1f µs, CPU %.2f (%.2f to %.2f), throughput %.2f, %4.0f bytes, outside %.1f µs; %s%s", m.Name, m.CPUMicros,
			m.CPU.Value, m.CPU.Low, m.CPU.High, m.Throughput.Value, m.BytesPerStatement, m.OutsideMicros, m.Detail, m.Missing)
	}
	return r
}

// want checks what was on, and that figures are such as they can be.
func (w *watched) want(r *cost.Result, on map[string][]string) {
	w.t.Helper()
	want := make(map[string]map[string]bool)
	for name, list := range on {
		want[name] = make(map[string]bool)
		for _, x := range list {
			want[name][x] = true
		}
	}
	if diff := cmp.Diff(want, w.seen); diff != "" {
		w.t.Errorf("what was on in the slices of each method (-want +got):\n%s", diff)
	}
	for _, m := range r.Methods {
		if m.Missing != "" {
			w.t.Errorf("%s is missing: %s", m.Name, m.Missing)
			continue
		}
		writes := m.Name == "generallog" || m.Name == "slowlog"
		if writes != (m.BytesPerStatement > 30) {
			w.t.Errorf("%s: %v bytes a statement", m.Name, m.BytesPerStatement)
		}
		if m.Pairs != 6 || len(m.Samples) != 6 || m.CPUMicros <= 0 || m.PerSecond <= 0 {
			w.t.Errorf("%s: %+v", m.Name, m)
		}
		if m.Name != cost.Nothing && (m.CPU.Low <= 0 || m.CPU.Low > m.CPU.Value || m.CPU.Value > m.CPU.High || m.CPU.Value < 0.5 || m.CPU.Value > 20) {
			w.t.Errorf("%s: CPU %+v", m.Name, m.CPU)
		}
		probes := m.Name == "usdt" || m.Name == "uprobe"
		if probes && (m.Saw == nil || *m.Saw < 0.999 || *m.Saw > 1.5) || !probes && m.Saw != nil { // what else a new connection asks counts too
			w.t.Errorf("%s saw %v of the statements", m.Name, m.Saw)
		}
		if outside := slices.Contains([]string{"usdt", "uprobe", "bpftrace"}, m.Name); outside != (m.OutsideMicros > 0) {
			w.t.Errorf("%s: %v µs outside of the server", m.Name, m.OutsideMicros)
		}
	}
}

func TestEveryMethodIsOnInItsOwnSlicesOnlyOnMariaDB(t *testing.T) {
	plugin, err := filepath.Abs("../../build/spanbridge_usdt.so")
	if err != nil {
		t.Fatal(err)
	}
	s, err := servers.StockMariaDB(t.Context(), servers.WithPlugin(plugin), servers.WithArgs("--performance-schema=ON"))
	w := start(t, s, err)
	w.want(w.measure("usdt", "uprobe", "generallog", "slowlog", "perfschema-default", "bpftrace"), map[string][]string{
		cost.Nothing: nil, cost.Control: nil, "usdt": {"spanbridge"}, "uprobe": {"spanbridge"}, "bpftrace": {"bpftrace"},
		"generallog": {"generallog"}, "slowlog": {"slowlog"}, "perfschema-default": {"perfschema"},
	})
}

func TestEveryMethodIsOnInItsOwnSlicesOnlyOnMySQL(t *testing.T) {
	var spans atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		spans.Add(n)
	}))
	defer receiver.Close()
	s, err := servers.MySQL(t.Context(), servers.WithArgs(
		"--loose-telemetry.otel_exporter_otlp_traces_endpoint="+receiver.URL+"/v1/traces", "--loose-telemetry.otel_bsp_schedule_delay=100"))
	w := start(t, s, err)
	w.must("INSTALL COMPONENT 'file://component_telemetry'")
	w.must("SET GLOBAL telemetry.trace_enabled = OFF")
	w.ask()
	r := w.measure("uprobe", "generallog", "slowlog", "perfschema-default", "perfschema-history_long", "perfschema-waits", "telemetry")
	w.want(r, map[string][]string{
		cost.Nothing: nil, cost.Control: nil, "uprobe": {"spanbridge"}, "generallog": {"generallog"}, "slowlog": {"slowlog"},
		"perfschema-default": {"perfschema"}, "perfschema-history_long": {"perfschema", "history_long"},
		"perfschema-waits": {"perfschema", "waits"}, "telemetry": {"telemetry"},
	})
	var statements uint64
	for _, m := range r.Methods {
		for _, x := range m.Samples {
			if m.Name == "telemetry" {
				statements += x.Statements
			}
		}
	}
	if got, least := spans.Load(), int64(100*statements); got < least {
		t.Errorf("the component sent %d bytes of spans of %d statements", got, statements)
	}
}
