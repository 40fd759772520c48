// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// rows are numbers of rows as int64; nil is none told.
type rows struct{ Sent, Examined, Affected any }

// counted are statements and how many rows they send, examine and change.
var counted = []struct {
	sql  string
	want rows
}{
	{"SELECT label FROM items WHERE id BETWEEN 101 AND 105", rows{int64(5), int64(5), nil}},
	{"SELECT COUNT(label) FROM items", rows{int64(1), int64(1000), nil}},
	{"SELECT 1", rows{int64(1), int64(0), nil}},
	{"CREATE TABLE counted (id INT PRIMARY KEY, n INT)", rows{int64(0), int64(0), nil}},
	{"INSERT INTO counted VALUES (1, 1), (2, 2), (3, 3)", rows{int64(0), int64(0), int64(3)}},
	{"UPDATE counted SET n = 9 WHERE id < 3", rows{int64(0), int64(2), int64(2)}},
	{"UPDATE counted SET n = 9 WHERE id = 77", rows{int64(0), int64(0), nil}},
	{"INSERT INTO counted VALUES (4, 4), (1, 1)", rows{int64(0), int64(0), nil}}, // fails
	{"SELECT n FROM counted WHERE id = 2", rows{int64(1), int64(1), nil}},
	{"DELETE FROM counted", rows{int64(0), int64(3), int64(3)}},
	{"DROP TABLE counted", rows{int64(0), int64(0), nil}},
}

func testRows(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	r := watch(t, server, func() {
		for _, s := range counted {
			_, _ = c.run(s.sql) // one is to fail
		}
		c.settle()
	})
	var want, got []string
	for _, s := range counted {
		w := s.want
		if !tier.details {
			w = rows{}
		}
		want = append(want, fmt.Sprintf("%s: %v", s.sql, w))
	}
	for i, s := range r.statements(t, tier) {
		if i == len(counted) {
			t.Fatalf("more spans than statements: %s", s.text())
		}
		got = append(got, fmt.Sprintf("%s: %v", counted[i].sql, rows{
			s.Attrs["spanbridge.rows.sent"], s.Attrs["spanbridge.rows.examined"], s.Attrs["spanbridge.rows.affected"],
		}))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows sent, examined and affected (-want +got):\n%s", diff)
	}
}

// With log_slow_disabled_statements=” the end of a statement inside of a procedure
// reaches the same function as the end of the CALL.
func testLoggedProcedure(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	c.must("CREATE OR REPLACE FUNCTION logged_f(n INT) RETURNS INT BEGIN DECLARE c INT; " +
		"SELECT COUNT(*) INTO c FROM items WHERE price > n; RETURN c; END")
	c.must("CREATE OR REPLACE PROCEDURE logged_p() BEGIN SELECT 'one', 2; DELETE FROM log WHERE id = 0; END")
	c.must("SET log_slow_disabled_statements = '', long_query_time = 0, slow_query_log = 1")
	c.settle()
	r := watch(t, server, func() {
		c.must("CALL logged_p()")
		c.must("SELECT logged_f(7)")
		c.settle()
	})
	want := [][2]string{{"CALL logged_p()", ""}, {"SELECT logged_f(?)", ""}}
	if tier.nested {
		want = [][2]string{
			{"CALL logged_p()", ""}, {"SELECT ?, ?", "CALL logged_p()"}, {"DELETE FROM log WHERE id = ?", "CALL logged_p()"},
			{"SELECT logged_f(?)", ""}, {selectInto, "SELECT logged_f(?)"},
		}
	}
	if diff := cmp.Diff(want, tree(r.withNested(t, tier))); diff != "" {
		t.Errorf("statement and what is around it (-want +got):\n%s", diff)
	}
	r.wantQueries(t, tier, map[string]uint64{"no_start": 0, "open": 0, "replaced": 0})
}

// selectInto is the text of a statement with a variable of its routine: the server
// puts the value in its place before it executes it.
const selectInto = "SELECT COUNT(*) INTO c FROM items WHERE price > NAME_CONST(?,?)"

func testNestedFailures(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	c.must("CREATE OR REPLACE PROCEDURE failing_p() BEGIN DECLARE CONTINUE HANDLER FOR 1062 SET @handled = 1; " +
		"INSERT INTO items (id) VALUES (1); SELECT 'goes on'; END")
	c.must("CREATE OR REPLACE TABLE triggering (id INT)")
	c.must("CREATE OR REPLACE TRIGGER failing_t BEFORE INSERT ON triggering FOR EACH ROW " +
		"INSERT INTO items (id) VALUES (2)")
	c.settle()
	r := watch(t, server, func() {
		c.must("CALL failing_p()")
		if _, err := c.run("INSERT INTO triggering VALUES (1)"); err == nil {
			t.Error("the trigger did not fail")
		}
		c.settle()
	})
	type nested struct {
		Text                  string
		Number, State, Status any
	}
	duplicate := nested{"INSERT INTO items (id) VALUES (?)", "1062", "23000", statusError}
	want := []nested{duplicate, {"SET @handled = ?", nil, nil, 0}, {"SELECT ?", nil, nil, 0}, duplicate}
	if !tier.details {
		return // the statements themselves: testProcedure
	}
	var got []nested
	for _, s := range r.withNested(t, tier) {
		if s.Kind == kindInternal {
			got = append(got, nested{s.text(), s.Attrs["db.response.status_code"], s.Attrs["spanbridge.sqlstate"], s.Status.Code})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nested statements (-want +got):\n%s", diff)
	}
}
