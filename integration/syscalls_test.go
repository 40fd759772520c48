// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// TestTheKernelsWorkIsBelowTheStatementThatItIsFor commits 23 times on each server: every
// commit is on the disk before it is answered, by the thread that serves the statement.
// PostgreSQL sends the answer when its probe has told the end of the statement.
func TestTheKernelsWorkIsBelowTheStatementThatItIsFor(t *testing.T) {
	t.Parallel()
	const n = 23
	tests := []struct {
		name  string
		sends int
		work  func(t *testing.T) *result
	}{
		{"MariaDB 10.11", 1, func(t *testing.T) *result {
			return commitsOfFamily(t, startServer(t, tier{start: servers.StockMariaDB}, familySettings...), n)
		}},
		{"MySQL 9.7", 1, func(t *testing.T) *result {
			return commitsOfFamily(t, startServer(t, tier{start: servers.MySQL}, "--sync-binlog=1"), n)
		}},
		{"PostgreSQL", 0, func(t *testing.T) *result {
			server := startPostgres(t, "-c", "fsync=on", "-c", "synchronous_commit=on")
			session := openSession(t, server, pgx.QueryExecModeSimpleProtocol)
			session.must("CREATE TABLE committed (n int)")
			return watch(t, server, func() {
				for range n {
					session.must("INSERT INTO committed VALUES (1)")
				}
			}, "--detail", "stages")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := test.work(t)
			statements := 0
			for i := range r.spans {
				s := &r.spans[i]
				if s.Kind != kindServer || !strings.Contains(s.text(), "INSERT INTO committed") {
					continue
				}
				statements++
				calls := r.callsWithin(t, s)
				if calls["fsync"] == 0 || calls["network send"] != test.sends {
					t.Errorf("statement %d: %v, want fsync, and sends: %d", statements, calls, test.sends)
				}
			}
			if statements != n {
				t.Errorf("%d statements, want %d", statements, n)
			}
		})
	}
}

func commitsOfFamily(t *testing.T, server *servers.Server, n int) *result {
	t.Helper()
	c := connect(t, server, "")
	c.must("CREATE TABLE committed (n INT) ENGINE=InnoDB")
	return watch(t, server, func() {
		for range n {
			c.must("INSERT INTO committed VALUES (1)")
		}
		c.settle()
	}, "--detail", "stages")
}

// callsWithin counts the system calls below a statement by name, all of which lie
// within it.
func (r *result) callsWithin(t *testing.T, s *otlpSpan) map[string]int {
	t.Helper()
	calls := make(map[string]int)
	for i := range r.spans {
		child := &r.spans[i]
		if child.TraceID != s.TraceID || child.Attrs["spanbridge.tier"] != "kernel" {
			continue
		}
		calls[child.Name]++
		if child.Start < s.Start || child.End > s.End {
			t.Errorf("%s from %d to %d is not within the statement from %d to %d", child.Name, child.Start, child.End, s.Start, s.End)
		}
	}
	return calls
}
