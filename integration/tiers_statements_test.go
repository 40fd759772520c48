// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// seen is what a query span tells of its statement.
type seen struct {
	Text, Name, System    string
	Connection            any // int64, nil where the tier does not tell
	User, Host, Namespace any // string or nil
}

func seenOf(s *otlpSpan) seen {
	system, _ := s.Attrs["db.system.name"].(string)
	return seen{
		Text: s.text(), Name: s.Name, System: system, Connection: s.Attrs["spanbridge.connection.id"],
		User: s.Attrs["user.name"], Host: s.Attrs["client.address"], Namespace: s.Attrs["db.namespace"],
	}
}

// distinct are 23 statements with what their spans must tell. The database of
// the connection changes on the way.
var distinct = []struct {
	sql       string
	args      []any
	text      string
	name      string
	namespace string
}{
	{sql: "SELECT 1", text: "SELECT ?", name: "SELECT", namespace: "test"},
	{sql: "SELECT 'secret one', 2.5e3, 0xFF", text: "SELECT ?, ?, ?", name: "SELECT", namespace: "test"},
	{sql: "CREATE TABLE d (id INT PRIMARY KEY, s VARCHAR(40), n INT)", namespace: "test"},
	{sql: "INSERT INTO d VALUES (1, 'a''b', -7)", namespace: "test"},
	{sql: "INSERT INTO d (id, s) VALUES (?, ?)", args: []any{2, "it's \"quoted\" \\ \n"}, namespace: "test"},
	{sql: "INSERT INTO d VALUES (3,'x',1),(4,'y',2),(5,'z',3)", namespace: "test"},
	{sql: "SELECT s FROM d WHERE id = ?", args: []any{4}, namespace: "test"},
	{sql: "SELECT id, s FROM d WHERE id IN (1, 2, 3) ORDER BY s DESC LIMIT 2", namespace: "test"},
	{sql: "UPDATE d SET s = 'new', n = n + 1 WHERE id = 3", namespace: "test"},
	{sql: "SELECT COUNT(*) AS c FROM d a JOIN items b ON a.id = b.id WHERE b.price > 5", namespace: "test"},
	{sql: "DELETE FROM d WHERE id = 5", namespace: "test"},
	{sql: "REPLACE INTO d VALUES (6, 'r', NULL)", namespace: "test"},
	{sql: "SET @v = 42", namespace: "test"},
	{sql: "SELECT @v + 1", namespace: "test"},
	{sql: "BEGIN", namespace: "test"},
	{sql: "INSERT INTO d (id) VALUES (7)", namespace: "test"},
	{sql: "COMMIT", namespace: "test"},
	{sql: "ALTER TABLE d ADD COLUMN extra INT DEFAULT 3", namespace: "test"},
	{sql: "SHOW TABLES LIKE 'd%'", namespace: "test"},
	{sql: "EXPLAIN SELECT * FROM items WHERE id = 9", namespace: "test"},
	{sql: "DROP TABLE d", namespace: "test"},
	{sql: "USE information_schema", namespace: "test"},
	{sql: "SELECT table_name FROM tables WHERE table_schema = 'test' AND table_name = 'items'", namespace: "information_schema"},
}

func testDistinctStatements(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	r := observe(t, server, func() {
		for _, s := range distinct {
			c.must(s.sql, s.args...)
		}
		c.settle()
	})
	var want, got []seen
	for _, s := range distinct {
		w := seen{Text: s.text, Name: s.name, System: "mariadb"}
		if tier.identity {
			w.Connection, w.User, w.Host, w.Namespace = c.id, servers.User, "127.0.0.1", s.namespace
		}
		want = append(want, w)
	}
	list := r.statements(t, tier)
	for i := range list {
		got = append(got, seenOf(&list[i]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	n := uint64(len(distinct))
	r.wantQueries(t, tier, map[string]uint64{"starts": n, "paired": n, "submitted": n, "no_start": 0, "open": 0})
	t.Logf("%v %d %+v", r.ledger, len(r.spans), got)
	for _, s := range list { t.Logf("%v", s) }
}
