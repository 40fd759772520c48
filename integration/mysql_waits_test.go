// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// lockWait is a statement that waits for a lock of another connection.
type lockWait struct {
	name      string   // of the wait's span
	hold      []string // what takes the lock
	release   string
	statement string
	waiting   string // asks how many wait
	held      time.Duration
}

var lockWaits = []lockWait{
	{
		name: "row lock wait", hold: []string{"BEGIN", "UPDATE items SET price = 0 WHERE id = 7"}, release: "ROLLBACK",
		statement: "UPDATE items SET price = 1 WHERE id = 7",
		waiting:   "SELECT COUNT(*) FROM performance_schema.data_lock_waits", held: held,
	},
	{
		name: "metadata lock wait", hold: []string{"LOCK TABLES items WRITE"}, release: "UNLOCK TABLES",
		statement: "SELECT label FROM items WHERE id = 7",
		waiting:   "SELECT COUNT(*) FROM performance_schema.metadata_locks WHERE LOCK_STATUS = 'PENDING'", held: held,
	},
	{ // who waits to exclude others looks up every second, and tells them
		name: "metadata lock wait", hold: []string{"BEGIN", "SELECT label FROM items WHERE id = 7"}, release: "COMMIT",
		statement: "ALTER TABLE items ADD COLUMN extra INT, ALGORITHM=INSTANT",
		waiting:   "SELECT COUNT(*) FROM performance_schema.metadata_locks WHERE LOCK_STATUS = 'PENDING'", held: 1200 * time.Millisecond,
	},
}

// TestLockWaitsOfMySQL56AreAsLongAsTheyWere holds locks for 300 ms: also without a symbol
// table what a thread waits for is seen.
func TestLockWaitsOfMySQL56AreAsLongAsTheyWere(t *testing.T) {
	server := startServer(t, tier{start: servers.StrippedMySQL56})
	c := connect(t, server, "")
	c.must("CREATE TABLE items (id INT PRIMARY KEY, label VARCHAR(40), price INT) ENGINE=InnoDB")
	c.must("INSERT INTO items VALUES (70, 'item 70', 210)")
	t.Run("row lock", func(t *testing.T) { testRowLock(t, tier{}, server) })
	t.Run("metadata lock", func(t *testing.T) { testMetadataLock(t, tier{}, server) })
}

// TestLockWaitsOfMySQLAreChildrenOfTheirLength releases a lock a while after
// another connection has begun to wait for it.
func TestLockWaitsOfMySQLAreChildrenOfTheirLength(t *testing.T) {
	t.Parallel()
	server := startMySQL(t, "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2")
	for _, wait := range lockWaits {
		t.Run(wait.name+" of "+wait.statement[:6], func(t *testing.T) {
			holder, waiter := connect(t, server, ""), connect(t, server, "")
			var least, most time.Duration
			r := watch(t, server, func() { least, most = waitForLock(t, server, wait, holder, waiter) })
			var found []otlpSpan
			for _, s := range r.ofConnections([]int64{waiter.id})[waiter.id] {
				for _, child := range r.spans {
					if child.TraceID == s.TraceID && child.Kind == kindInternal && child.Name == wait.name {
						found = append(found, child)
					}
				}
			}
			if len(found) != 1 {
				t.Fatalf("%d spans %q, want 1", len(found), wait.name)
			}
			got := found[0].duration()
			t.Logf("%v, by the clients at least %v and at most %v", got, least, most)
			if got < least-heldTolerance || got > most+heldTolerance {
				t.Errorf("the wait lasted %v, by the clients at least %v and at most %v", got, least, most)
			}
		})
	}
}

// waitForLock makes one connection wait for another one, and returns bounds of
// how long it waited: from when it was seen to wait until the lock's release was
// asked for, and from when it began until that was answered.
func waitForLock(t *testing.T, server *servers.Server, wait lockWait, holder, waiter *client) (least, most time.Duration) {
	t.Helper()
	observer := connect(t, server, "")
	for _, statement := range wait.hold {
		holder.must(statement)
	}
	began, done := time.Now(), make(chan error)
	go func() {
		_, err := waiter.run(wait.statement)
		done <- err
	}()
	for n := 0; n == 0; {
		if err := observer.conn.QueryRowContext(t.Context(), wait.waiting).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	seen := time.Now()
	time.Sleep(wait.held - time.Since(began))
	asked := time.Now()
	holder.must(wait.release)
	answered := time.Now()
	if err := <-done; err != nil {
		t.Error(err)
	}
	waiter.settle()
	return asked.Sub(seen), answered.Sub(began)
}
