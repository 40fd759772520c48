// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// startMySQL starts a MySQL 9.7 with a table for lookups and one to write to.
func startMySQL(t *testing.T, args ...string) *servers.Server {
	t.Helper()
	server := startServer(t, tier{start: servers.MySQL}, args...)
	fillMySQL(t, server)
	return server
}

// fillMySQL makes the tables, in any version: old ones cannot count by a query.
func fillMySQL(t *testing.T, server *servers.Server) {
	t.Helper()
	var items []string
	for i := 1; i <= 1000; i++ {
		items = append(items, fmt.Sprintf("(%d, 'item %d', %d)", i, i, i*3))
	}
	c := connect(t, server, "")
	c.must("CREATE TABLE items (id INT PRIMARY KEY, label VARCHAR(60), price INT)")
	c.must("INSERT INTO items VALUES " + strings.Join(items, ", "))
	c.must("CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, line VARCHAR(60))")
}

// mixedText are statements of the text protocol of all sorts, with a number that
// makes each run of them another text. Several fail, each in another way.
var mixedText = []string{
	"SELECT label FROM items WHERE id = %d",
	"SELECT id, label FROM items WHERE id BETWEEN 10 AND 10 + %d",
	"SELECT COUNT(*), MAX(price) FROM items WHERE price > %d",
	"SELECT label FROM items WHERE label LIKE 'item 1%%' ORDER BY label LIMIT %d",
	"SELECT i.id FROM items i JOIN items j ON i.price = j.id WHERE j.id < %d",
	"INSERT INTO log (line) VALUES ('one'), ('two'), ('%d')",
	"UPDATE items SET price = price + 1 WHERE id = %d",
	"UPDATE items SET price = price WHERE id < %d",
	"DELETE FROM log WHERE id = %d",
	"REPLACE INTO items VALUES (2000, 'new', %d)",
	"INSERT INTO items VALUES (1, 'again', %d)",                                                  // ER_DUP_ENTRY
	"SELECT nothing FROM items WHERE id = %d",                                                    // ER_BAD_FIELD_ERROR
	"SELECT * FROM nowhere WHERE id = %d",                                                        // ER_NO_SUCH_TABLE
	"SELEKT %d",                                                                                  // ER_PARSE_ERROR
	"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 3%03d",                                            // of the statement's own
	"INSERT INTO log (line) VALUES (REPEAT('x', 1%02d))",                                         // ER_DATA_TOO_LONG
	"SELECT /*+ MAX_EXECUTION_TIME(1) */ COUNT(*) FROM items a, items b WHERE a.id + b.id <> %d", // ER_QUERY_TIMEOUT
	"SET @a = %d",
	"BEGIN /* %d */",
	"INSERT INTO log (line) SELECT label FROM items WHERE id < %d",
	"ROLLBACK /* %d */",
	"CREATE TEMPORARY TABLE t%d (a INT)",
	"USE mysql -- %d",
	"SELECT DATABASE(), %d",
	"USE test -- %d",
	"SHOW TABLES LIKE 'item%d'",
	"EXPLAIN SELECT * FROM items WHERE id = %d",
	"DO SLEEP(0.00%d)",
}

// mixedLoad runs about 200 statements on five connections at the same time and
// returns what they were asked on: text, text with several statements in a
// packet, prepared by the driver, and by a client of the wire protocol. The
// connections stay open.
func mixedLoad(t *testing.T, server *servers.Server) (connections []int64) {
	t.Helper()
	one, two := connect(t, server, ""), connect(t, server, "")
	several := connect(t, server, "&multiStatements=true")
	binary := dial(t, server.DSN)
	wire := dialWire(t, server)
	prepared := wire.prepare("SELECT label FROM items WHERE id = ?")
	var work sync.WaitGroup
	for i, c := range []*client{one, two} {
		work.Go(func() {
			for round := range 2 {
				for _, text := range mixedText {
					c.run(fmt.Sprintf(text, 2+2*i+round))
				}
			}
		})
	}
	work.Go(func() {
		for i := range 12 {
			several.run(fmt.Sprintf("SELECT %d; UPDATE items SET price = 1 WHERE id = %d; SELECT x FROM items; SELECT 2", i, i))
			several.run(fmt.Sprintf("INSERT INTO log (line) VALUES ('%d'); SELECT label FROM items WHERE id < 5", i))
		}
	})
	work.Go(func() {
		for i := range 12 {
			binary.run("SELECT label FROM items WHERE id < ?", i)
			binary.run("UPDATE items SET label = ? WHERE id = ?", fmt.Sprint("it's ", i), i)
			binary.run("INSERT INTO items VALUES (?, 'again', 1)", 1)
		}
	})
	work.Go(func() {
		for i := range 12 {
			wire.execute(prepared, []string{fmt.Sprint(i)})
			wire.query(fmt.Sprintf("SELECT label FROM items WHERE id = %d", i), attribute{"tenant", "seven"})
		}
	})
	work.Wait()
	for _, c := range []*client{one, two, several, binary} {
		c.settle()
		connections = append(connections, c.id)
	}
	// Its answer comes after the end of the last statement.
	if err := wire.reset(); err != nil {
		t.Error(err)
	}
	return append(connections, wire.id)
}

// ofConnections are the statements of these connections, each connection's in
// the order in which they began.
func (r *result) ofConnections(connections []int64) map[int64][]otlpSpan {
	lists := make(map[int64][]otlpSpan)
	for _, s := range r.spans {
		id, _ := s.Attrs["spanbridge.connection.id"].(int64)
		if s.Kind == kindServer && s.Name != "PREPARE" && slices.Contains(connections, id) {
			lists[id] = append(lists[id], s)
		}
	}
	for _, list := range lists {
		slices.SortStableFunc(list, func(a, b otlpSpan) int { return int(a.Start - b.Start) })
	}
	return lists
}

// placeholders is a list for IN.
func placeholders(numbers []int64) string {
	return strings.TrimSuffix(strings.Repeat("?,", len(numbers)), ",")
}

// integer is an attribute that is a number, 0 where it is absent.
func (s *otlpSpan) integer(key string) int64 { n, _ := s.Attrs[key].(int64); return n }

// word is an attribute that is a text, "" where it is absent.
func (s *otlpSpan) word(key string) string { text, _ := s.Attrs[key].(string); return text }
