// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

const (
	// historySize is how many statements Performance Schema keeps of a connection by default.
	historySize = 10
	// apart is how far apart the stamps of one statement are at most: it is how well the zero of Performance
	// Schema's timer is known, and what lies between its stamps and the component's.
	apart = 2 * time.Millisecond
)

// connection is one that is open, and what it executed last.
type connection struct {
	owner
	last []compare.Statement
}

// identify finds out whose the sessions are that have not ended: a session is the connection whose history holds
// more of its last statements than that of any other one.
func (b *book) identify(ctx context.Context, db *sql.DB) error {
	if len(b.waiting) == 0 {
		return nil
	}
	open, err := b.history(ctx, db)
	if err != nil {
		return fmt.Errorf("read performance_schema.events_statements_history: %w", err)
	}
	for id := range b.waiting {
		if o, ok := best(b.witnesses(id, historySize), open); ok {
			b.owns(id, o)
		}
	}
	return nil
}

// best returns the one connection that has most of the statements.
func best(session []compare.Statement, open map[uint64]*connection) (o owner, ok bool) {
	most := 0
	for _, c := range open {
		switch n := common(session, c.last); {
		case n > most:
			o, most, ok = c.owner, n, true
		case n == most:
			ok = false
		}
	}
	return o, ok
}

// common counts the statements that are in both lists.
func common(a, b []compare.Statement) (n int) {
	for i := range a {
		for j := range b {
			if d := time.Duration(a[i].Start - b[j].Start); a[i].Text == b[j].Text && max(d, -d) <= apart {
				n++
				break
			}
		}
	}
	return n
}

// history reads what open connections executed last. Performance Schema's timer counts from a zero of its own;
// the statement that asks tells where it is: the end of one that runs is now.
func (b *book) history(ctx context.Context, db *sql.DB) (map[uint64]*connection, error) {
	const query = `SELECT t.PROCESSLIST_ID, COALESCE(t.PROCESSLIST_USER, ''), h.SQL_TEXT,
			CAST(h.TIMER_START / 1000 + z.ZERO AS SIGNED)
		FROM performance_schema.events_statements_history h
		JOIN performance_schema.threads t ON t.THREAD_ID = h.THREAD_ID
		JOIN (SELECT UNIX_TIMESTAMP(SYSDATE(6)) * 1000000000 - TIMER_END / 1000 AS ZERO
			FROM performance_schema.events_statements_current
			WHERE THREAD_ID = PS_CURRENT_THREAD_ID() AND EVENT_NAME = 'statement/sql/select') z
		WHERE t.PROCESSLIST_ID IS NOT NULL AND t.PROCESSLIST_ID <> CONNECTION_ID() AND h.SQL_TEXT IS NOT NULL
			AND h.EVENT_NAME NOT IN ('statement/sql/execute_sql', 'statement/sql/prepare_sql')`
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	open := make(map[uint64]*connection)
	for rows.Next() {
		var id uint64
		var user, text sql.RawBytes
		var s compare.Statement
		if err := rows.Scan(&id, &user, &text, &s.Start); err != nil {
			return nil, err
		}
		s.Text = b.texts.Statement(text, len(text) > b.maxText-4)
		if open[id] == nil {
			open[id] = &connection{owner: owner{id, b.texts.Name(user)}}
		}
		open[id].last = append(open[id].last, s)
	}
	return open, rows.Err()
}
