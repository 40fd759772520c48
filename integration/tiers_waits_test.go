// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// held is how long a lock is held that another connection waits for, and
// heldTolerance by how much a wait may differ from what the client saw: here too
// the server's threads have to be woken.
const (
	held          = 300 * time.Millisecond
	heldTolerance = 10 * time.Millisecond
	heldRounds    = 3
)

// waitFor runs a statement that waits for a lock, which release gives back after a
// while, and returns how long that was.
func waitFor(t *testing.T, waiting *client, statement string, release func()) time.Duration {
	t.Helper()
	begin, done := time.Now(), make(chan error, 1)
	go func() {
		_, err := waiting.run(statement)
		done <- err
	}()
	time.Sleep(held)
	release()
	took := time.Since(begin)
	if err := <-done; err != nil {
		t.Errorf("%s: %v", statement, err)
	}
	return took
}

// inner are the spans of that name under statements of a text, as they began.
func (r *result) inner(t *testing.T, tier tier, text, name string) []otlpSpan {
	t.Helper()
	up := make(map[string]string)
	within := make(map[string]bool)
	for _, s := range r.spans {
		up[s.SpanID] = s.Parent
		within[s.SpanID] = s.text() == text
	}
	return r.ofServer(t, tier, func(s *otlpSpan) bool {
		for id := s.Parent; s.Name == name && id != ""; id = up[id] {
			if within[id] {
				return true
			}
		}
		return false
	})
}

// compareWaits holds waits, which functions tell beside every tier, against how long the client saw the lock held.
func compareWaits(t *testing.T, waits []otlpSpan, took []time.Duration) error {
	t.Helper()
	if len(waits) != len(took) {
		t.Fatalf("%d waits, want %d", len(waits), len(took))
	}
	var differences []time.Duration
	for i, s := range waits {
		differences = append(differences, took[i]-s.duration())
	}
	slices.Sort(differences)
	t.Logf("client minus wait: %v", differences)
	if m := median(differences); m < -heldTolerance || m > heldTolerance {
		return fmt.Errorf("median of client minus wait is %v, want it within %v", m, heldTolerance)
	}
	return nil
}

func testRowLock(t *testing.T, _ tier, server *servers.Server) {
	const statement = "UPDATE items SET price = price WHERE id = 70"
	holder, waiting := connect(t, server, ""), connect(t, server, "")
	measured(t, func() error {
		var took []time.Duration
		r := watch(t, server, func() {
			for range heldRounds {
				holder.must("BEGIN")
				holder.must("SELECT price FROM items WHERE id = 70 FOR UPDATE")
				took = append(took, waitFor(t, waiting, statement, func() { holder.must("COMMIT") }))
			}
			holder.settle()
			waiting.settle()
		})
		waits := r.inner(t, tierNamed(t, "uprobe"), "UPDATE items SET price = price WHERE id = ?", "row lock wait")
		return compareWaits(t, waits, took)
	})
}

func testMetadataLock(t *testing.T, _ tier, server *servers.Server) {
	holder, waiting := connect(t, server, ""), connect(t, server, "")
	measured(t, func() error {
		var took []time.Duration
		r := watch(t, server, func() {
			for range heldRounds {
				holder.must("LOCK TABLES items WRITE")
				took = append(took, waitFor(t, waiting, "SELECT COUNT(*), 'waits' FROM items", func() { holder.must("UNLOCK TABLES") }))
			}
			holder.settle()
			waiting.settle()
		})
		waits := r.inner(t, tierNamed(t, "uprobe"), "SELECT COUNT(*), ? FROM items", "metadata lock wait")
		return compareWaits(t, waits, took)
	})
}

// Only what wrote waits for the redo log, which the symbol file shows.
func testFlush(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	r := watch(t, server, func() {
		c.must("INSERT INTO log (line) VALUES ('flushed')")
		c.must("SELECT label FROM items WHERE id = 8")
		c.must("BEGIN")
		c.must("SELECT label FROM items WHERE id = 8")
		c.must("COMMIT")
		c.settle()
	})
	for text, want := range map[string]bool{
		"INSERT INTO log (line) VALUES (?)": tier.symbols, "SELECT label FROM items WHERE id = ?": false, "COMMIT": false,
	} {
		if got := len(r.inner(t, tier, text, "redo log flush")) > 0; got != want {
			t.Errorf("%s has waited for the redo log: %v, want %v", text, got, want)
		}
	}
}

// With the binary log a transaction that wrote is committed in a group; what only
// read is not.
func TestCommitsInGroupsAreSeenWithTheBinaryLog(t *testing.T) {
	t.Parallel()
	for _, tier := range allTiers {
		if tier.name != "uprobe" {
			continue
		}
		t.Run(tier.title(), func(t *testing.T) {
			server := startServer(t, tier, "--log-bin=binlog", "--server-id=1")
			createItems(t, server)
			c := connect(t, server, "")
			r := watch(t, server, func() {
				c.must("INSERT INTO log (line) VALUES ('logged')")
				c.must("BEGIN")
				c.must("DELETE FROM items WHERE id = 2")
				c.must("COMMIT")
				c.must("SELECT label FROM items WHERE id = 3")
				c.settle()
			})
			for text, want := range map[string]int{
				"INSERT INTO log (line) VALUES (?)": 1, "DELETE FROM items WHERE id = ?": 0, "COMMIT": 1,
				"SELECT label FROM items WHERE id = ?": 0,
			} {
				if got := len(r.inner(t, tier, text, "group commit")); got != want {
					t.Errorf("%s has %d group commits, want %d", text, got, want)
				}
			}
		})
	}
}
