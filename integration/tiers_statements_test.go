// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// seen is what a query span tells of its statement. Fields of type any are nil
// where the span has no such attribute.
type seen struct {
	Text, Name, System    string
	Connection            any // int64
	User, Host, Namespace any // string
}

func seenOf(s *otlpSpan) seen {
	system, _ := s.Attrs["db.system.name"].(string)
	return seen{
		Text: s.text(), Name: s.Name, System: system, Connection: s.Attrs["spanbridge.connection.id"],
		User: s.Attrs["user.name"], Host: s.Attrs["client.address"], Namespace: s.Attrs["db.namespace"],
	}
}

// distinct are 23 statements and what their spans must tell.
var distinct = []struct {
	sql  string
	args []any
	text string // sanitised
	name string
}{
	{sql: "SELECT 1", text: "SELECT ?", name: "SELECT"},
	{sql: "SELECT 'secret one', 2.5e3, 0xFF", text: "SELECT ?, ?, ?", name: "SELECT"},
	{
		sql:  "CREATE TABLE d (id INT PRIMARY KEY, s VARCHAR(40), n INT)",
		text: "CREATE TABLE d (id INT PRIMARY KEY, s VARCHAR(?), n INT)", name: "CREATE TABLE d",
	},
	{sql: "INSERT INTO d VALUES (1, 'a''b', -7)", text: "INSERT INTO d VALUES (?, ?, ?)", name: "INSERT d"},
	{
		sql: "INSERT INTO d (id, s) VALUES (?, ?)", args: []any{2, "it's \"quoted\" \\ \n"},
		text: "INSERT INTO d (id, s) VALUES (?, ?)", name: "INSERT d",
	},
	{
		sql:  "INSERT INTO d VALUES (3,'x',1),(4,'y',2),(5,'z',3)",
		text: "INSERT INTO d VALUES (?,?,?)", name: "INSERT d",
	},
	{sql: "SELECT s FROM d WHERE id = ?", args: []any{4}, text: "SELECT s FROM d WHERE id = ?", name: "SELECT d"},
	{
		sql:  "SELECT id, s FROM d WHERE id IN (1, 2, 3) ORDER BY s DESC LIMIT 2",
		text: "SELECT id, s FROM d WHERE id IN (?) ORDER BY s DESC LIMIT ?", name: "SELECT d",
	},
	{
		sql:  "UPDATE d SET s = 'new', n = n + 1 WHERE id = 3",
		text: "UPDATE d SET s = ?, n = n + ? WHERE id = ?", name: "UPDATE d",
	},
	{
		sql:  "SELECT COUNT(*) AS c FROM d a JOIN items b ON a.id = b.id WHERE b.price > 5",
		text: "SELECT COUNT(*) AS c FROM d a JOIN items b ON a.id = b.id WHERE b.price > ?", name: "SELECT d items",
	},
	{sql: "DELETE FROM d WHERE id = 5", text: "DELETE FROM d WHERE id = ?", name: "DELETE d"},
	{sql: "REPLACE INTO d VALUES (6, 'r', NULL)", text: "REPLACE INTO d VALUES (?, ?, NULL)", name: "REPLACE d"},
	{sql: "SET @v = 42", text: "SET @v = ?", name: "SET"},
	{sql: "SELECT @v + 1", text: "SELECT @v + ?", name: "SELECT"},
	{sql: "BEGIN", text: "BEGIN", name: "BEGIN"},
	{sql: "INSERT INTO d (id) VALUES (7)", text: "INSERT INTO d (id) VALUES (?)", name: "INSERT d"},
	{sql: "COMMIT", text: "COMMIT", name: "COMMIT"},
	{
		sql:  "ALTER TABLE d ADD COLUMN extra INT DEFAULT 3",
		text: "ALTER TABLE d ADD COLUMN extra INT DEFAULT ?", name: "ALTER TABLE d",
	},
	{sql: "SHOW TABLES LIKE 'd%'", text: "SHOW TABLES LIKE ?", name: "SHOW TABLES"},
	{
		sql:  "EXPLAIN SELECT * FROM items WHERE id = 9",
		text: "EXPLAIN SELECT * FROM items WHERE id = ?", name: "EXPLAIN SELECT items",
	},
	{sql: "DROP TABLE d", text: "DROP TABLE d", name: "DROP TABLE d"},
	{sql: useStatement, text: useStatement, name: useStatement},
	{
		sql:  "SELECT table_name FROM tables WHERE table_schema = 'test' AND table_name = 'items'",
		text: "SELECT table_name FROM tables WHERE table_schema = ? AND table_name = ?", name: "SELECT tables",
	},
}

// useStatement changes the database of what comes after it.
const useStatement = "USE information_schema"

func wantDistinct(tier tier, connection int64) []seen {
	var list []seen
	namespace := servers.Database
	for _, s := range distinct {
		w := seen{Text: s.text, Name: s.name, System: "mariadb"}
		if tier.identity {
			w.Connection, w.User, w.Host, w.Namespace = connection, servers.User, "127.0.0.1", namespace
		}
		if s.sql == useStatement {
			namespace = "information_schema"
		}
		list = append(list, w)
	}
	return list
}

func testDistinctStatements(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	r := watch(t, server, func() {
		for _, s := range distinct {
			c.must(s.sql, s.args...)
		}
		c.settle()
	})
	var got []seen
	list := r.statements(t, tier)
	for i := range list {
		got = append(got, seenOf(&list[i]))
		if list[i].Status.Code != 0 || list[i].Attrs["error.type"] != nil {
			t.Errorf("%s: status %d, error.type %v", list[i].text(), list[i].Status.Code, list[i].Attrs["error.type"])
		}
		if i > 0 && list[i].Start < list[i-1].End {
			t.Errorf("%s began before %s had ended", list[i].text(), list[i-1].text())
		}
	}
	if diff := cmp.Diff(wantDistinct(tier, c.id), got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	r.wantQueries(t, tier, complete(len(distinct)))
}

// complete is a ledger row in which nothing is missing.
func complete(n int) map[string]uint64 {
	return map[string]uint64{
		"starts": uint64(n), "paired": uint64(n), "submitted": uint64(n), "no_start": 0, "open": 0, "replaced": 0, "abandoned": 0,
	}
}

// failing are statements that fail in these ways, before they are parsed, while
// they are and after it.
var failing = []struct{ sql, number, state, message string }{
	{"SELECT nothing FROM items", "1054", "42S22", "Unknown column ?"},
	{"SELEKT 1", "1064", "42000", syntaxError},
	{"INSERT INTO items (id) VALUES (1)", "1062", "23000", "Duplicate entry ?"},
	{"SELECT * FROM absent", "1146", "42S02", "Table ? doesn't exist"},
	{"", "1065", "42000", "Query was empty"},
}

const syntaxError = "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB " +
	"server version for the right syntax to use near ? at line ?"

func testFailures(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	r := watch(t, server, func() {
		for _, f := range failing {
			if _, err := c.run(f.sql); err == nil {
				t.Errorf("%q succeeded", f.sql)
			}
			c.must("DO 0")
		}
		c.settle()
	})
	type failure struct{ Type, Number, Status, State, Message any }
	var want, got []failure
	for _, f := range failing {
		w := failure{Status: 0}
		switch {
		case tier.details:
			w = failure{f.number, f.number, statusError, f.state, f.message}
		case tier.number:
			w = failure{Type: f.number, Number: f.number, Status: statusError}
		case tier.failure:
			w = failure{Type: "_OTHER", Status: statusError}
		}
		want = append(want, w, failure{Status: 0})
	}
	for _, s := range r.statements(t, tier) {
		f := failure{s.Attrs["error.type"], s.Attrs["db.response.status_code"], s.Status.Code, s.Attrs["spanbridge.sqlstate"], nil}
		if s.Status.Message != "" {
			f.Message = s.Status.Message
		}
		got = append(got, f)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func testPrepared(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	const query = "SELECT label FROM items WHERE id = ? AND price < 9000"
	r := watch(t, server, func() {
		s, err := c.conn.PrepareContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for i := range 3 {
			var label string
			if err := s.QueryRowContext(t.Context(), i+1).Scan(&label); err != nil {
				t.Fatal(err)
			}
		}
		c.must("SELECT 'after'")
		c.settle()
	})
	const sanitised = "SELECT label FROM items WHERE id = ? AND price < ?"
	want := []string{"SELECT ?"}
	if tier.prepared {
		want = []string{sanitised, sanitised, sanitised, "SELECT ?"}
	}
	var got []string
	for _, s := range r.statements(t, tier) {
		got = append(got, s.text())
		if command := s.Attrs["spanbridge.command"]; tier.details && (command == "Execute") != (s.text() == sanitised) {
			t.Errorf("%s came with the command %v", s.text(), command)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	r.wantQueries(t, tier, complete(len(want)))
	wantPreparations(t, tier, r, c, preparing{text: sanitised})
}

func testFailedPreparations(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	r := watch(t, server, func() {
		if _, err := c.conn.PrepareContext(t.Context(), "SELECT nothing FROM items WHERE id = ?"); err == nil {
			t.Error("a statement without a column was prepared")
		}
		c.settle()
	})
	if list := r.statements(t, tier); len(list) != 0 {
		t.Errorf("%d statements, want none: nothing was executed", len(list))
	}
	wantPreparations(t, tier, r, c, preparing{text: "SELECT nothing FROM items WHERE id = ?", number: "1054", state: "42S22"})
}

// preparing is what the span of a preparation tells beside its connection.
type preparing struct{ text, number, state string }

func wantPreparations(t *testing.T, tier tier, r *result, c *client, want ...preparing) {
	t.Helper()
	if !tier.details {
		want = nil
	}
	var got []preparing
	for _, s := range r.ofServer(t, tier, func(s *otlpSpan) bool { return s.Name == preparation }) {
		number, _ := s.Attrs["db.response.status_code"].(string)
		state, _ := s.Attrs["spanbridge.sqlstate"].(string)
		got = append(got, preparing{s.text(), number, state})
		who := seenOf(&s)
		if who.Connection != c.id || who.User != servers.User || who.Host != "127.0.0.1" || who.Namespace != servers.Database {
			t.Errorf("the preparation of %s is told to be by %+v", s.text(), who)
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(preparing{})); diff != "" {
		t.Errorf("preparations (-want +got):\n%s", diff)
	}
}

// A packet of several statements is seen in parts as each tier documents it.
func testMultiStatements(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "&multiStatements=true")
	var whole time.Duration
	r := watch(t, server, func() {
		begin := time.Now()
		c.must("SELECT SLEEP(0.1); SELECT SLEEP(0.3), 2; SELECT SLEEP(0.5), 2, 3")
		c.settle()
		whole = time.Since(begin)
	})
	const first, second, third = "SELECT SLEEP(?)", "SELECT SLEEP(?), ?", "SELECT SLEEP(?), ?, ?"
	want := []part{{first, 0.1}, {second, 0.3}, {third, 0.5}}
	if tier.name == "usdt" { // the text is that of the rest of the packet
		want[0].text, want[1].text = first+"; "+second+"; "+third, second+"; "+third
	}
	list := r.statements(t, tier)
	if len(list) != len(want) {
		t.Fatalf("%d spans, want %d", len(list), len(want))
	}
	var sum time.Duration
	for i, s := range list {
		if s.text() != want[i].text {
			t.Errorf("statement %d is %q, want %q", i, s.text(), want[i].text)
		}
		if took := s.duration(); took.Seconds() < want[i].seconds {
			t.Errorf("statement %d took %v, want at least %v s", i, took, want[i].seconds)
		}
		sum += s.duration()
		t.Logf("%s took %v", s.text(), s.duration())
	}
	if sum > whole { // one has the time of another
		t.Errorf("the statements took %v, their packet %v", sum, whole)
	}
	r.wantQueries(t, tier, complete(3))
}

type part struct {
	text    string
	seconds float64
}
