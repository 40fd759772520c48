// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"database/sql"
	"slices"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// statementFields is what Performance Schema and a span both tell of a
// statement. An execution of the binary protocol has its text sanitised:
// Performance Schema has it as it was prepared, spans with its arguments.
type statementFields struct {
	Text                     string
	Database                 string
	Errno                    int64
	SQLState                 string // "" of what succeeded
	Affected, Sent, Examined int64
}

// TestPerformanceSchemaAndSpansTellTheSameOfEveryStatement compares them one by
// one, on each connection in order, so that neither has a statement more.
func TestPerformanceSchemaAndSpansTellTheSameOfEveryStatement(t *testing.T) {
	t.Parallel()
	server := startMySQL(t, "--performance-schema-consumer-events-statements-history-long=ON")
	for _, detail := range []string{"phases", "stages"} {
		t.Run(detail, func(t *testing.T) {
			var connections []int64
			var told map[int64][]statementFields
			r := watch(t, server, func() {
				connections = mixedLoad(t, server)
				told = readStatements(t, server, connections)
			}, "--raw-text", "--detail", detail)
			spans := r.ofConnections(connections)
			statements := 0
			for _, id := range connections {
				var got []statementFields
				for i, s := range spans[id] {
					got = append(got, fieldsOf(s))
					if i < len(told[id]) && told[id][i].Errno == queryTimeout {
						told[id][i].Text = got[i].Text // Performance Schema has none
					}
				}
				statements += len(told[id])
				if diff := gocmp.Diff(told[id], got); diff != "" {
					t.Errorf("connection %d: Performance Schema (-) and spans (+) differ:\n%s", id, diff)
				}
			}
			if statements < 200 {
				t.Errorf("only %d statements were compared", statements)
			}
		})
	}
}

// TestPerformanceSchemaAndSpansTellTheSameStatementsOfProcedures compares what
// runs inside of CALL, and in a trigger, in order.
func TestPerformanceSchemaAndSpansTellTheSameStatementsOfProcedures(t *testing.T) {
	t.Parallel()
	server := startMySQL(t, "--performance-schema-consumer-events-statements-history-long=ON")
	c := connect(t, server, "")
	c.must("CREATE TRIGGER noted AFTER UPDATE ON items FOR EACH ROW INSERT INTO log (line) VALUES (NEW.label)")
	c.must(`CREATE PROCEDURE work(n INT) BEGIN
		DECLARE i INT DEFAULT 0;
		WHILE i < n DO
			UPDATE items SET price = i WHERE id = 1 + i;
			SET i = i + 1;
		END WHILE;
		SELECT COUNT(*) FROM log;
		INSERT INTO items VALUES (1, 'again', 1);
	END`)
	worker := connect(t, server, "")
	var want []nestedStatement
	r := watch(t, server, func() {
		if _, err := worker.run("CALL work(3)"); err == nil {
			t.Error("the procedure should fail in the end")
		}
		worker.settle()
		want = readNested(t, server, worker.id)
	}, "--raw-text")
	var nested []otlpSpan
	for _, s := range r.spans {
		if s.Kind == kindInternal && s.text() != "" && s.integer("spanbridge.connection.id") == worker.id {
			nested = append(nested, s)
		}
	}
	slices.SortFunc(nested, func(a, b otlpSpan) int { return int(a.Start - b.Start) })
	var got []nestedStatement
	for _, s := range nested {
		f := fieldsOf(s)
		got = append(got, nestedStatement{f.Text, f.Database, f.Errno, f.SQLState})
	}
	if diff := gocmp.Diff(want, got); diff != "" || len(want) != 8 {
		t.Errorf("%d statements; Performance Schema (-) and spans (+) differ:\n%s", len(want), diff)
	}
}

// nestedStatement is what both tell of a statement inside of another one.
type nestedStatement struct {
	Text, Database string
	Errno          int64
	SQLState       string
}

// readNested reads the statements of procedures and triggers of a connection.
// SET and the like are statement/sp/set and others.
func readNested(t *testing.T, server *servers.Server, connection int64) (list []nestedStatement) {
	t.Helper()
	rows, err := connect(t, server, "").conn.QueryContext(t.Context(), `
		SELECT s.SQL_TEXT, s.CURRENT_SCHEMA, s.MYSQL_ERRNO, IF(s.RETURNED_SQLSTATE = '00000', '', IFNULL(s.RETURNED_SQLSTATE, ''))
		FROM performance_schema.events_statements_history_long s JOIN performance_schema.threads t USING (THREAD_ID)
		WHERE t.PROCESSLIST_ID = ? AND s.EVENT_NAME = 'statement/sp/stmt' ORDER BY s.EVENT_ID`, connection)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s nestedStatement
		if err := rows.Scan(&s.Text, &s.Database, &s.Errno, &s.SQLState); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// queryTimeout is ER_QUERY_TIMEOUT.
const queryTimeout = 3024

func fieldsOf(s otlpSpan) statementFields {
	errno, _ := strconv.ParseInt(s.word("db.response.status_code"), 10, 64)
	text := s.text()
	if s.word("spanbridge.command") == "Execute" {
		text = sanitized(text)
	}
	return statementFields{
		Text: text, Database: s.word("db.namespace"), Errno: errno, SQLState: s.word("spanbridge.sqlstate"),
		Affected: s.integer("spanbridge.rows.affected"), Sent: s.integer("spanbridge.rows.sent"),
		Examined: s.integer("spanbridge.rows.examined"),
	}
}

func sanitized(text string) string {
	safe, _ := sqltext.AppendSanitized(nil, []byte(text), sqltext.MySQL)
	return string(safe)
}

// readStatements reads the outermost statements of connections that are open.
// Other commands, such as COM_STMT_PREPARE, are statement/com/... too.
func readStatements(t *testing.T, server *servers.Server, connections []int64) map[int64][]statementFields {
	t.Helper()
	var args []any
	for _, id := range connections {
		args = append(args, id)
	}
	rows, err := connect(t, server, "").conn.QueryContext(t.Context(), `
		SELECT t.PROCESSLIST_ID, s.EVENT_NAME, s.SQL_TEXT, s.CURRENT_SCHEMA, s.MYSQL_ERRNO,
		       IF(s.RETURNED_SQLSTATE = '00000', '', s.RETURNED_SQLSTATE),
		       s.ROWS_AFFECTED, s.ROWS_SENT, s.ROWS_EXAMINED
		FROM performance_schema.events_statements_history_long s JOIN performance_schema.threads t USING (THREAD_ID)
		WHERE t.PROCESSLIST_ID IN (`+placeholders(connections)+`) AND s.NESTING_EVENT_LEVEL = 0
		  AND (s.EVENT_NAME LIKE 'statement/sql/%' OR s.EVENT_NAME = 'statement/com/Execute')
		ORDER BY s.EVENT_ID`, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := make(map[int64][]statementFields)
	for rows.Next() {
		var id int64
		var f statementFields
		var name, text, database, state sql.NullString
		if err := rows.Scan(&id, &name, &text, &database, &f.Errno, &state, &f.Affected, &f.Sent, &f.Examined); err != nil {
			t.Fatal(err)
		}
		f.Text, f.Database, f.SQLState = text.String, database.String, state.String
		if name.String == "statement/com/Execute" {
			f.Text = sanitized(f.Text)
		}
		all[id] = append(all[id], f)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
