// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

const (
	disconnect = "KILL" // in place of a statement: it ends the connection from outside
	deadlock   = 1213   // ER_LOCK_DEADLOCK
)

// blockage is a statement of connection "waiter" that waits for what others hold.
type blockage struct {
	name string
	// hold are connections and what they do before it waits; what begins with "&"
	// waits too.
	hold      [][2]string
	statement string
	release   [][2]string
	number    int    // of the error with which it ends
	wait      string // name of the span
	// want are the attributes of the wait, by server: "mysql" or "mariadb", or else
	// "binlog", MariaDB with the binary log. The value of "blocker" names
	// the connection.
	want map[string]map[string]any
}

// tableLock is what a wait tells for the table items.
func tableLock(blocker string) map[string]any {
	return map[string]any{"type": "table", "database": "test", "table": "items", "blocker": blocker}
}

var blockages = []blockage{
	{
		name: "a table that is locked", wait: "metadata lock wait",
		hold: [][2]string{{"a", "LOCK TABLES items WRITE"}}, release: [][2]string{{"a", "UNLOCK TABLES"}},
		statement: "SELECT label FROM items WHERE id = 7",
		want:      map[string]map[string]any{"mysql": tableLock("a"), "mariadb": tableLock("a")},
	},
	{ // MySQL only counts who has a lock that many can have
		name: "a table in use by a transaction", wait: "metadata lock wait",
		hold: [][2]string{{"a", "BEGIN"}, {"a", "UPDATE items SET price = 1 WHERE id = 7"}}, release: [][2]string{{"a", "ROLLBACK"}},
		statement: "ALTER TABLE items COMMENT 'x'",
		want:      map[string]map[string]any{"mysql": tableLock(""), "mariadb": tableLock("a")},
	},
	{
		name: "a change of the table that waits itself", wait: "metadata lock wait",
		hold: [][2]string{
			{"a", "BEGIN"}, {"a", "SELECT price FROM items WHERE id = 7"}, {"b", "&ALTER TABLE items COMMENT 'y'"},
		},
		release:   [][2]string{{"a", "COMMIT"}},
		statement: "SELECT label FROM items WHERE id = 7",
		want:      map[string]map[string]any{"mysql": tableLock("b"), "mariadb": tableLock("b")},
	},
	{
		name: "two that read", wait: "metadata lock wait",
		hold:      [][2]string{{"a", "LOCK TABLES items READ"}, {"b", "LOCK TABLES items READ"}},
		release:   [][2]string{{"b", "UNLOCK TABLES"}, {"a", "UNLOCK TABLES"}},
		statement: "ALTER TABLE items COMMENT 'z'",
		want:      map[string]map[string]any{"mysql": tableLock("a or b"), "mariadb": tableLock("a or b")},
	},
	{
		// Its lock is of no session any more. It was taken while another one's kept MySQL
		// from only counting it.
		name: "a table of a prepared transaction whose session has ended", wait: "metadata lock wait",
		hold: [][2]string{
			{"b", "LOCK TABLES items READ"}, {"a", "XA START 'x'"}, {"a", "SELECT price FROM items WHERE id = 7 FOR SHARE"},
			{"a", "XA END 'x'"}, {"a", "XA PREPARE 'x'"}, {"a", disconnect}, {"b", "UNLOCK TABLES"},
		},
		release:   [][2]string{{"b", "XA ROLLBACK 'x'"}},
		statement: "ALTER TABLE items COMMENT 'w'",
		want:      map[string]map[string]any{"mysql": tableLock("")},
	},
	{
		name: "the global read lock", wait: "metadata lock wait",
		hold: [][2]string{{"a", "FLUSH TABLES WITH READ LOCK"}}, release: [][2]string{{"a", "UNLOCK TABLES"}},
		statement: "UPDATE items SET price = 2 WHERE id = 7",
		want: map[string]map[string]any{
			"mysql": {"type": "global read", "blocker": "a"}, "mariadb": {"type": "backup", "blocker": "a"},
		},
	},
	{ // its name is data
		name: "a lock that users made up", wait: "metadata lock wait",
		hold: [][2]string{{"a", "DO GET_LOCK('jane.doe@example.org', 0)"}}, release: [][2]string{{"a", "DO RELEASE_LOCK('jane.doe@example.org')"}},
		statement: "DO GET_LOCK('jane.doe@example.org', 10)",
		want: map[string]map[string]any{
			"mysql": {"type": "user", "blocker": "a"}, "mariadb": {"type": "user", "blocker": "a"},
		},
	},
	{
		name: "a metadata lock for too long", wait: "metadata lock wait", number: 1205,
		hold:      [][2]string{{"waiter", "SET lock_wait_timeout = 1"}, {"a", "LOCK TABLES items WRITE"}},
		release:   [][2]string{{"a", "UNLOCK TABLES"}},
		statement: "SELECT label FROM items WHERE id = 7",
		want:      map[string]map[string]any{"mysql": tableLock("a"), "mariadb": tableLock("a")},
	},
	{
		name: "a row", wait: "row lock wait",
		hold: [][2]string{{"a", "BEGIN"}, {"a", "UPDATE items SET price = 1 WHERE id = 7"}}, release: [][2]string{{"a", "ROLLBACK"}},
		statement: "UPDATE items SET price = 2 WHERE id = 7",
		want: map[string]map[string]any{
			"mysql":   {"database": "test", "table": "items", "index": "PRIMARY", "blocker": "a"},
			"mariadb": {}, "binlog": {"blocker": "a"},
		},
	},
	{
		name: "a row in an index of a partition", wait: "row lock wait",
		hold: [][2]string{
			{"a", "BEGIN"}, {"a", "SELECT * FROM `order-lines` WHERE label = 'b' FOR UPDATE"},
		},
		release:   [][2]string{{"a", "ROLLBACK"}},
		statement: "DELETE FROM `order-lines` WHERE label = 'b'",
		want: map[string]map[string]any{
			"mysql":   {"database": "test", "table": "order-lines", "index": "by_label", "blocker": "a"},
			"mariadb": {}, "binlog": {"blocker": "a"},
		},
	},
	{
		name: "a row for too long", wait: "row lock wait", number: 1205,
		hold: [][2]string{
			{"waiter", "SET innodb_lock_wait_timeout = 1"}, {"a", "BEGIN"}, {"a", "UPDATE items SET price = 1 WHERE id = 7"},
		},
		release:   [][2]string{{"a", "ROLLBACK"}},
		statement: "UPDATE items SET price = 2 WHERE id = 7",
		want: map[string]map[string]any{
			"mysql":   {"database": "test", "table": "items", "index": "PRIMARY", "blocker": "a"},
			"mariadb": {}, "binlog": {"blocker": "a"},
		},
	},
	{ // of whom MariaDB does not say who is in the way
		name: "a row that two read", wait: "row lock wait",
		hold: [][2]string{
			{"a", "BEGIN"}, {"a", "SELECT price FROM items WHERE id = 7 LOCK IN SHARE MODE"},
			{"b", "BEGIN"}, {"b", "SELECT price FROM items WHERE id = 7 LOCK IN SHARE MODE"},
		},
		release:   [][2]string{{"a", "ROLLBACK"}, {"b", "ROLLBACK"}},
		statement: "UPDATE items SET price = 2 WHERE id = 7",
		want: map[string]map[string]any{
			"mysql":   {"database": "test", "table": "items", "index": "PRIMARY", "blocker": "a or b"},
			"mariadb": {}, "binlog": {},
		},
	},
	{
		name: "a row of who waits for it", wait: "row lock wait", number: deadlock,
		hold: [][2]string{
			{"a", "BEGIN"}, {"a", "UPDATE items SET price = price + 1 WHERE id BETWEEN 20 AND 40"},
			{"waiter", "BEGIN"}, {"waiter", "UPDATE items SET price = 1 WHERE id = 8"},
			{"a", "&UPDATE items SET price = 2 WHERE id = 8"},
		},
		release:   [][2]string{{"a", "ROLLBACK"}, {"waiter", "ROLLBACK"}},
		statement: "UPDATE items SET price = 2 WHERE id = 30",
		want: map[string]map[string]any{
			"mysql":   {"database": "test", "table": "items", "index": "PRIMARY", "blocker": "a"},
			"mariadb": {}, "binlog": {},
		},
	},
}

// lockKeys are the attributes of a wait under short names.
var lockKeys = map[string]string{
	"type": "spanbridge.lock.type", "database": "db.namespace", "table": "db.collection.name",
	"index": "spanbridge.lock.index", "blocker": "spanbridge.lock.blocker.connection.id",
}

// TestWaitsNameWhatIsLockedAndByWhom makes connections wait for others on every
// stock server, all under one bridge.
func TestWaitsNameWhatIsLockedAndByWhom(t *testing.T) {
	for _, stock := range []struct {
		name, kind string
		tier       tier
		args       []string
	}{
		{"MySQL 9.7", "mysql", tier{start: servers.MySQL}, nil},
		{"MariaDB 10.11", "mariadb", tier{start: servers.StockMariaDB}, nil},
		{"MariaDB 10.11 with the binary log", "binlog", tier{start: servers.StockMariaDB}, []string{"--log-bin=binlog", "--server-id=1"}},
		{"MariaDB 11.8", "mariadb", tier{start: servers.MariaDB118}, nil},
		{"MariaDB 11.8 with the binary log", "binlog", tier{start: servers.MariaDB118}, []string{"--log-bin=binlog", "--server-id=1"}},
	} {
		t.Run(stock.name, func(t *testing.T) {
			t.Parallel() // they mostly wait, for locks
			server := startServer(t, stock.tier, stock.args...)
			c := connect(t, server, "")
			c.must("CREATE TABLE items (id INT PRIMARY KEY, label VARCHAR(60), price INT) ENGINE=InnoDB")
			c.must("INSERT INTO items WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i, CONCAT('item ', i), i FROM n")
			c.must("CREATE TABLE `order-lines` (id INT, label VARCHAR(60), INDEX by_label (label)) ENGINE=InnoDB PARTITION BY HASH (id) PARTITIONS 2")
			c.must("INSERT INTO `order-lines` VALUES (1, 'a'), (2, 'b'), (4, 'c')")
			people := make(map[string]map[string]*client) // by blockage
			r := watch(t, server, func() {
				for _, b := range blockages {
					if b.on(stock.kind) != nil {
						people[b.name] = b.cause(t, server)
					}
				}
			})
			for _, b := range blockages {
				if want := b.on(stock.kind); want != nil {
					t.Run(b.name, func(t *testing.T) { b.check(t, r, people[b.name], want) })
				}
			}
		})
	}
}

// on returns what the wait tells on a kind of server, nil if it is not tried there.
func (b *blockage) on(kind string) map[string]any {
	if want := b.want[kind]; want != nil || kind != "binlog" {
		return want
	}
	return b.want["mariadb"]
}

// cause makes the waiter wait, and returns who took part, by name.
func (b *blockage) cause(t *testing.T, server *servers.Server) map[string]*client {
	t.Helper()
	people := map[string]*client{"a": connect(t, server, ""), "b": connect(t, server, ""), "waiter": connect(t, server, "")}
	waiter, observer := people["waiter"], connect(t, server, "")
	var pending []chan error
	run := func(c *client, statement string) chan error {
		done := make(chan error, 1)
		go func() {
			_, err := c.run(statement)
			done <- err
		}()
		return done
	}
	for _, h := range b.hold {
		if h[1] == disconnect {
			people["b"].must("KILL ?", people[h[0]].id)
			observer.untilGone(people[h[0]].id)
			delete(people, h[0])
		} else if statement, waits := strings.CutPrefix(h[1], "&"); waits {
			pending = append(pending, run(people[h[0]], statement))
			observer.untilWaits(people[h[0]].id)
		} else {
			people[h[0]].must(h[1])
		}
	}
	done := run(waiter, b.statement)
	var err error
	if b.number != 0 {
		err = <-done
	} else {
		observer.untilWaits(waiter.id)
	}
	for i, release := range b.release {
		if i == 0 && b.number == deadlock {
			for _, p := range pending {
				<-p
			}
		}
		people[release[0]].must(release[1])
	}
	if b.number == 0 {
		err = <-done
	}
	if b.number != deadlock {
		for _, p := range pending {
			<-p
		}
	}
	if text := fmt.Sprint(err); (err != nil) != (b.number != 0) || !strings.Contains(text, fmt.Sprintf(" %d ", b.number)) && b.number != 0 {
		t.Errorf("%s: %s: %v, want error %d", b.name, b.statement, err, b.number)
	}
	for _, name := range slices.Sorted(maps.Keys(people)) {
		people[name].settle()
	}
	return people
}

// check holds what was told of the waiter's wait against what was locked.
func (b *blockage) check(t *testing.T, r *result, people map[string]*client, want map[string]any) {
	t.Helper()
	var waits []map[string]any
	waiter := people["waiter"].id
	for _, s := range r.ofConnections([]int64{waiter})[waiter] {
		for _, child := range r.spans {
			if child.TraceID != s.TraceID || child.Kind != kindInternal || child.Name != b.wait {
				continue
			}
			waits = append(waits, child.lock(people, fmt.Sprint(want["blocker"])))
			for key, value := range child.Attrs {
				if strings.Contains(fmt.Sprint(value), "jane") {
					t.Errorf("%s has a name that a user made up", key)
				}
			}
		}
	}
	want = maps.Clone(want)
	if want["blocker"] == "" {
		delete(want, "blocker")
	}
	if diff := cmp.Diff([]map[string]any{want}, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

// untilGone returns once a connection has ended.
func (c *client) untilGone(connection int64) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("the end of connection %d", connection), func() bool {
		n := 1
		err := c.conn.QueryRowContext(c.t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ?", connection).Scan(&n)
		return err == nil && n == 0
	})
}

// untilWaits returns once a connection waits for a lock. InnoDB shows its transactions
// as they were when somebody last looked, until nobody has for a tenth of a second
// (CACHE_MIN_IDLE_TIME_NS in storage/innobase/trx/trx0i_s.cc).
func (c *client) untilWaits(connection int64) {
	c.t.Helper()
	const waiting = `SELECT (SELECT COUNT(*) FROM information_schema.PROCESSLIST
			WHERE ID = ? AND (STATE LIKE 'Waiting for %' OR STATE = 'User lock'))
		+ (SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = ? AND trx_state = 'LOCK WAIT')`
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(150 * time.Millisecond) {
		var n int
		if err := c.conn.QueryRowContext(c.t.Context(), waiting, connection, connection).Scan(&n); err != nil {
			c.t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("connection %d does not wait", connection)
		}
	}
}

// lock gives what a wait tells of a lock, with the holder by name: all that may be
// it, if it is one of those that are wanted.
func (s *otlpSpan) lock(people map[string]*client, wanted string) map[string]any {
	told := make(map[string]any)
	for name, key := range lockKeys {
		if value, ok := s.Attrs[key]; ok {
			told[name] = value
		}
	}
	for name, person := range people {
		if told["blocker"] == person.id {
			told["blocker"] = name
			if strings.Contains(wanted, name) {
				told["blocker"] = wanted
			}
		}
	}
	return told
}
