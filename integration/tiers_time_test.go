// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// traceContext is what an application puts into its statements: a traceparent
// that is unique by two numbers.
type traceContext struct{ traceID, spanID string }

func contextOf(series, n int) traceContext {
	return traceContext{fmt.Sprintf("5eed%012x%016x", series, n), fmt.Sprintf("%08x%08x", series+1, n)}
}

// comment is the context as sqlcommenter writes it.
func (c traceContext) comment() string {
	return fmt.Sprintf("/*traceparent='00-%s-%s-01'*/", c.traceID, c.spanID)
}

// mixed returns the i-th statement of a mix: a lookup by primary key, a small
// insert, a range of 20 rows.
func mixed(i int) string {
	switch i % 3 {
	case 0:
		return fmt.Sprintf("SELECT label FROM items WHERE id = %d", i%1000+1)
	case 1:
		return fmt.Sprintf("INSERT INTO log (line) VALUES ('line %d')", i)
	}
	first := i%900 + 1
	return fmt.Sprintf("SELECT id, label, price FROM items WHERE id BETWEEN %d AND %d", first, first+19)
}

// The client waits a little longer than the server works: the way to and fro.
// The server answers before it cleans up, so that a span can end after the
// client has its result. The way is as short and steady as can be had, a Unix
// socket on one processor: to wake another processor takes tens of µs in a
// virtual machine, longer than many a statement.
func testClientDurations(t *testing.T, tier tier, server *servers.Server) {
	c := dial(t, fmt.Sprintf("%s:%s@unix(%s)/%s", servers.User, servers.Password, server.Socket, servers.Database))
	for i := range 30 {
		c.must(mixed(i)) // until caches are warm
	}
	c.settle()
	measured(t, func() error { return clientDurations(t, tier, server, c) })
}

func clientDurations(t *testing.T, tier tier, server *servers.Server, c *client) error {
	t.Helper()
	const statements = 200
	client := make(map[string]time.Duration, statements)
	r := watch(t, server, func() {
		defer shareOneProcessor(t, server.PID, os.Getpid())()
		for i := range statements {
			context := contextOf(0, i+1)
			client[context.traceID] = c.must(mixed(i) + " " + context.comment())
		}
		c.settle()
	})
	r.wantQueries(t, tier, complete(statements))
	var differences []time.Duration
	for i, s := range r.statements(t, tier) {
		if want := contextOf(0, i+1); s.TraceID != want.traceID || s.Parent != want.spanID {
			t.Fatalf("statement %d is under %s-%s, want %+v", i, s.TraceID, s.Parent, want)
		}
		differences = append(differences, client[s.TraceID]-s.duration())
	}
	if len(differences) != statements {
		t.Fatalf("%d spans, want %d", len(differences), statements)
	}
	slices.Sort(differences)
	m := median(differences)
	t.Logf("client minus span: median %v, quartiles %v and %v, extremes %v and %v",
		m, differences[50], differences[150], differences[0], differences[199])
	if m < -50*time.Microsecond || m > 100*time.Microsecond {
		return fmt.Errorf("median of client minus span is %v, want it within -50 and 100 µs", m)
	}
	return nil
}

// shareOneProcessor keeps all threads of these processes on one processor until
// they are given back. Threads that they start meanwhile inherit that.
func shareOneProcessor(t *testing.T, pids ...int) (giveBack func()) {
	t.Helper()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	first := 0
	for !all.IsSet(first) {
		first++
	}
	one.Set(first)
	allow := func(set *unix.CPUSet) {
		for _, pid := range pids {
			threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
			if err != nil {
				t.Error(err)
			}
			for _, thread := range threads {
				tid, err := strconv.Atoi(thread.Name())
				if err != nil {
					t.Fatal(err)
				}
				if err := unix.SchedSetaffinity(tid, set); err != nil && !errors.Is(err, unix.ESRCH) {
					t.Errorf("set processors of thread %d: %v", tid, err)
				}
			}
		}
	}
	allow(&one)
	return func() { allow(&all) }
}

// What is asleep is woken late on a busy machine, but server and client alike.
func testSleeps(t *testing.T, tier tier, server *servers.Server) {
	const asked = 250 * time.Millisecond
	c := connect(t, server, "")
	var client []time.Duration
	r := watch(t, server, func() {
		for range 3 {
			begin := time.Now()
			c.must("SELECT SLEEP(0.25)")
			c.settle()
			client = append(client, time.Since(begin))
		}
	})
	list := r.statements(t, tier)
	if len(list) != len(client) {
		t.Fatalf("%d spans, want %d", len(list), len(client))
	}
	for i, s := range list {
		t.Logf("%v, by the client %v", s.duration(), client[i])
		if s.duration() < asked-time.Millisecond || s.duration() > client[i] {
			t.Errorf("%v, want at least %v and no more than the client's %v", s.duration(), asked, client[i])
		}
	}
}
