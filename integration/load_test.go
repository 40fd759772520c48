// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
)

const (
	loadConnections = 16
	loadStatements  = 500 // of each connection
)

// Each statement carries a context of its own, which says where its span must be
// found: the trace is numbered by connection, the parent by statement.
func TestEveryStatementOfManyConnectionsGivesItsSpan(t *testing.T) {
	for _, tier := range allTiers {
		t.Run(tier.title(), func(t *testing.T) {
			server := startServer(t, tier)
			createItems(t, server)
			clients := connectAll(t, server)
			var took time.Duration
			r := watch(t, server, func() { took = runAll(t, clients) })
			const all = loadConnections * loadStatements
			r.wantQueries(t, tier, complete(all))
			r.wantObserved(t, nil, all)
			r.wantNothingLost(t)
			checkLoadSpans(t, tier, r.statements(t, tier), clients)
			t.Logf("%d statements in %v, peak memory %d MiB", all, took, r.peakRSS>>20)
		})
	}
}

// In a pool a statement that waits for its commit can end in another thread than
// it began in. That is not followed; but what cannot be paired must be left
// open or without its text, never be given to another connection.
func TestPoolOfThreadsMixesNoConnections(t *testing.T) {
	for _, name := range []string{"usdt", "plugin"} {
		t.Run(name, func(t *testing.T) {
			tier := tierNamed(t, name)
			server := startServer(t, tier, "--thread-handling=pool-of-threads")
			createItems(t, server)
			clients := connectAll(t, server)
			r := watch(t, server, func() { runAll(t, clients) })
			connections := make(map[string]int64, loadConnections)
			for i, c := range clients {
				connections[contextOf(i, 1).spanID[:8]] = c.id
			}
			told := 0
			for _, s := range r.statements(t, tier) {
				if s.Parent == "" {
					continue
				}
				told++
				if want := connections[s.Parent[:8]]; s.Attrs["spanbridge.connection.id"] != want {
					t.Fatalf("a statement of connection %d is told of connection %v", want, s.Attrs["spanbridge.connection.id"])
				}
			}
			t.Logf("%d of %d statements with their text: %v", told, loadConnections*loadStatements, r.queries(tier))
			if told < loadConnections*loadStatements/2 {
				t.Errorf("%d of %d statements with their text", told, loadConnections*loadStatements)
			}
		})
	}
}

func connectAll(t *testing.T, server *servers.Server) []*client {
	t.Helper()
	clients := make([]*client, loadConnections)
	for i := range clients {
		clients[i] = connect(t, server, "")
	}
	return clients
}

// runAll runs the statements of all clients at once.
func runAll(t *testing.T, clients []*client) time.Duration {
	t.Helper()
	var all sync.WaitGroup
	begin := time.Now()
	for i, c := range clients {
		all.Go(func() {
			for n := range loadStatements {
				if _, err := c.run(mixed(n) + " " + contextOf(i, n+1).comment()); err != nil {
					t.Errorf("connection %d, statement %d: %v", i, n, err)
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	for _, c := range clients {
		c.settle()
	}
	return took
}

// checkLoadSpans finds each statement exactly once, in its connection and in its
// turn.
func checkLoadSpans(t *testing.T, tier tier, list []otlpSpan, clients []*client) {
	t.Helper()
	if len(list) != loadConnections*loadStatements {
		t.Errorf("%d spans, want %d", len(list), loadConnections*loadStatements)
	}
	type place struct{ connection, n int }
	places := make(map[traceContext]place, loadConnections*loadStatements)
	for i := range clients {
		for n := range loadStatements {
			places[contextOf(i, n+1)] = place{i, n}
		}
	}
	ids := make(map[string]bool, len(list))
	last := make(map[int]*otlpSpan, loadConnections)
	next := make(map[int]int, loadConnections)
	for i := range list {
		s := &list[i]
		p, ok := places[traceContext{s.TraceID, s.Parent}]
		if !ok || p.n != next[p.connection] || ids[s.SpanID] {
			t.Fatalf("span %s of trace %s under %s is not statement %d: %+v", s.SpanID, s.TraceID, s.Parent, next[p.connection], s.Attrs)
		}
		ids[s.SpanID] = true
		next[p.connection]++
		if before := last[p.connection]; before != nil && s.Start < before.End {
			t.Fatalf("statement %d of connection %d began before its predecessor had ended", p.n, p.connection)
		}
		last[p.connection] = s
		if tier.identity && s.Attrs["spanbridge.connection.id"] != clients[p.connection].id {
			t.Fatalf("a statement of connection %d is told of connection %v",
				clients[p.connection].id, s.Attrs["spanbridge.connection.id"])
		}
	}
}

// wantNothingLost checks every row of the ledger for what must not be.
func (r *result) wantNothingLost(t *testing.T) {
	t.Helper()
	for name, row := range r.ledger {
		for _, reason := range []string{
			"open", "replaced", "overflow", "no_storage", "abandoned", "no_start", "outside", "ring_full",
			"kernel_errors", "histogram_lost", "decode_errors", "unknown", "orphaned", "rejected", "queued",
		} {
			// Threads wait between statements too.
			between := reason == "outside" && !strings.Contains(name, "/query/")
			if n := row[reason]; n != 0 && !between {
				t.Errorf("ledger: %s: %s is %d", name, reason, n)
			}
		}
	}
	if row := r.ledger["file"]; row["taken"] != row["acked"] || row["taken"] != r.ledger["records"]["spans"] {
		t.Errorf("ledger: the file has %v, made were %v", row, r.ledger["records"])
	}
}

const (
	sysbenchSeconds = 10
	sysbenchThreads = "4"
	maxPeakRSS      = 100 << 20
)

// sysbench counts what it has sent; the spans must be as many.
func TestSysbenchAtFullSpeedLosesNothing(t *testing.T) {
	for _, c := range []struct{ tier, script, prepared string }{
		{"usdt", "oltp_point_select", "disable"},
		{"plugin", "oltp_point_select", "auto"},
		{"plugin", "oltp_read_write", "disable"},
		{"uprobe", "oltp_point_select", "disable"},
		{"uprobe", "oltp_read_write", "auto"},
	} {
		t.Run(c.tier+" "+c.script+" prepared "+c.prepared, func(t *testing.T) {
			tier := tierNamed(t, c.tier)
			server := startServer(t, tier)
			s := sysbench{server: server, script: c.script, prepared: c.prepared}
			s.run(t, "prepare")
			b := startBridge(t, targetArgs(server)...)
			output := s.run(t, "run")
			r, spans, _ := b.stopAndCount()
			r.mustClose(t)
			r.wantNothingLost(t)
			sent, failed := countOf(t, output, "total"), countOf(t, output, "ignored errors")
			r.wantQueries(t, tier, complete(sent+failed))
			if tier.failure {
				r.wantObserved(t, map[string]any{"error.type": nil}, sent)
			}
			if want := r.ledger["records"]["spans"]; uint64(spans) != want {
				t.Errorf("%d spans in the file, want %d", spans, want)
			}
			t.Logf("%d queries and %d that failed in %d s, peak memory %d MiB", sent, failed, sysbenchSeconds, r.peakRSS>>20)
			if r.peakRSS == 0 || r.peakRSS >= maxPeakRSS {
				t.Errorf("peak memory is %d bytes, want less than %d", r.peakRSS, maxPeakRSS)
			}
		})
	}
}

type sysbench struct {
	server           *servers.Server
	script, prepared string
}

// run runs a command of sysbench and returns what it prints.
func (s *sysbench) run(t *testing.T, command string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sysbench", s.script, command, "--db-driver=mysql",
		"--mysql-socket="+s.server.Socket, "--mysql-user="+servers.User, "--mysql-password="+servers.Password,
		"--mysql-db="+servers.Database, "--tables=2", "--table-size=5000", "--threads="+sysbenchThreads,
		"--time="+strconv.Itoa(sysbenchSeconds), "--db-ps-mode="+s.prepared).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("sysbench is missing: apt-get install sysbench")
	}
	if err != nil {
		t.Fatalf("sysbench %s: %v\n%s", command, err, out)
	}
	return out
}

// countOf reads a number from what sysbench prints at the end. The total of its
// queries leaves out those that failed, such as for a deadlock: these are its
// ignored errors.
func countOf(t *testing.T, output []byte, name string) int {
	t.Helper()
	match := regexp.MustCompile(name + `:\s+(\d+)`).FindSubmatch(output)
	if match == nil {
		t.Fatalf("sysbench printed no %s:\n%s", name, output)
	}
	n, err := strconv.Atoi(string(match[1]))
	if err != nil || n == 0 && name == "total" {
		t.Fatalf("sysbench printed for %s %d (%v):\n%s", name, n, err, output)
	}
	return n
}

// stopAndCount is stop for more spans than should be kept in memory: it counts
// them instead, and those whose statements begin with these texts.
func (b *runningBridge) stopAndCount(texts ...string) (r *result, spans int, begun map[string]int) {
	b.t.Helper()
	begun = make(map[string]int)
	f, err := os.Open(b.output)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	b.output = os.DevNull
	r = b.stop()
	for lines := bufio.NewReaderSize(f, 1<<20); ; {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			return r, spans, begun
		case err != nil:
			b.t.Fatal(err)
		case bytes.HasPrefix(line, []byte(`{"resourceSpans"`)):
			spans += bytes.Count(line, []byte(`"endTimeUnixNano"`))
			for _, text := range texts {
				begun[text] += bytes.Count(line, []byte(`"db.query.text","value":{"stringValue":"`+text))
			}
		case bytes.HasPrefix(line, []byte(`{"resourceMetrics"`)):
			r.metrics = append(r.metrics, line)
		}
	}
}
