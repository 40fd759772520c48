// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
)

// account is what Performance Schema says of a statement.
type account struct {
	event                    string
	text                     string
	number                   int64
	sqlstate                 string
	database                 string
	sent, affected, examined int64
}

// keepAccounts makes Performance Schema remember all statements from now on.
func keepAccounts(t *testing.T, c client) {
	t.Helper()
	setUp(t, c, []string{
		"UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME LIKE 'events_statements%'",
		"TRUNCATE TABLE performance_schema.events_statements_history_long",
	})
}

// topLevel is the condition by which Performance Schema tells statements from those
// inside them. MySQL 5.6 does not have these.
func topLevel(dialect string) string {
	if dialect == mysql56Dialect {
		return ""
	}
	return "AND NESTING_EVENT_LEVEL = 0"
}

// readAccounts returns a connection's top-level statements in their order.
func readAccounts(ctx context.Context, c *mysqlClient, connection int64, topLevel string) (list []*account, err error) {
	const query = `SELECT EVENT_NAME, COALESCE(SQL_TEXT, ''), MYSQL_ERRNO, COALESCE(RETURNED_SQLSTATE, ''),
		COALESCE(CURRENT_SCHEMA, ''), ROWS_SENT, ROWS_AFFECTED, ROWS_EXAMINED
		FROM performance_schema.events_statements_history_long
		JOIN performance_schema.threads USING (THREAD_ID)
		WHERE PROCESSLIST_ID = %d %s ORDER BY EVENT_ID`
	err = c.query(ctx, fmt.Sprintf(query, connection, topLevel), func(row []driver.Value) {
		a := &account{
			event: asText(row[0]), text: asText(row[1]), number: asInt(row[2]), sqlstate: asText(row[3]),
			database: asText(row[4]), sent: asInt(row[5]), affected: asInt(row[6]), examined: asInt(row[7]),
		}
		if isStatement(a.event) {
			list = append(list, a)
		}
	})
	return list, err
}

// isStatement leaves out commands such as Ping and Close stmt.
func isStatement(event string) bool {
	command, found := strings.CutPrefix(event, "statement/com/")
	return !found || command == "Execute" || command == "Prepare" || command == "Query"
}

func asText(v driver.Value) string {
	b, _ := v.([]byte)
	return string(b)
}

// addAccounts gives each statement what Performance Schema says of it, and holds
// that against what the client was told.
func addAccounts(t *testing.T, c client, dialect string, all []*statement) {
	t.Helper()
	byConnection := make(map[int64][]*statement)
	for _, s := range all {
		byConnection[s.connection] = append(byConnection[s.connection], s)
	}
	for connection, sent := range byConnection {
		accounts, err := readAccounts(t.Context(), c.(*mysqlClient), connection, topLevel(dialect))
		if err != nil {
			t.Fatal(err)
		}
		if len(accounts) != len(sent) {
			for i, a := range accounts {
				t.Log(i, a.event, a.text)
			}
			t.Fatalf("Performance Schema has %d statements of connection %d, which sent %d", len(accounts), connection, len(sent))
		}
		for i, s := range sent {
			s.account = accounts[i]
			if number := s.failureNumber(); s.account.number != number {
				t.Errorf("%s: Performance Schema has error %d, the client %d", s.name, s.account.number, number)
			}
		}
	}
}

func (s *statement) failureNumber() int64 {
	if s.failure == nil {
		return 0
	}
	return int64(s.failure.number)
}
