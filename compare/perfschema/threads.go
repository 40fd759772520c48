// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// thread is what is known of a thread of the server.
type thread struct {
	connection uint64 // 0: none, or it came and went unseen
	user       string
	alive      bool // at the last look
	own        bool // not the clients', or to be left out
	progress
}

// serverThreads are threads that execute statements which no client has sent.
var serverThreads = []string{"event_worker", "event_scheduler", "slave", "replica", "compress_gtid", "bootstrap"}

// look updates what is known of the server's threads.
func (a *Account) look(ctx context.Context) error {
	rows, err := a.conn.QueryContext(ctx, `SELECT THREAD_ID, PROCESSLIST_ID, COALESCE(PROCESSLIST_USER, ''), NAME
		FROM performance_schema.threads WHERE PROCESSLIST_ID IS NOT NULL`)
	if err != nil {
		return fmt.Errorf("read threads: %w", err)
	}
	defer rows.Close()
	for _, t := range a.threads {
		t.alive = false
	}
	for rows.Next() {
		var id, connection uint64
		var user, name sql.RawBytes
		if err := rows.Scan(&id, &connection, &user, &name); err != nil {
			return fmt.Errorf("read threads: %w", err)
		}
		t := a.thread(id)
		t.alive = true
		if t.connection != 0 && t.user != "" {
			continue
		}
		t.connection, t.user = connection, a.reader.texts.Name(user)
		t.own = t.own || id == a.own || a.without[connection] || ofServer(string(name))
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read threads: %w", err)
	}
	return nil
}

func ofServer(name string) bool {
	for _, part := range serverThreads {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// thread returns what is known of a thread, and begins to know it.
func (a *Account) thread(id uint64) *thread {
	t := a.threads[id]
	if t == nil {
		if len(a.threads) >= maxThreads {
			a.forget()
		}
		t = &thread{}
		a.threads[id] = t
		a.numbered.note(id)
	}
	return t
}

// numbered tells by the numbers of threads, which the server gives one after the other, whether all were seen that began
// since the first look.
type numbered struct {
	first, last uint64 // of those that were there, and of all
	since       uint64 // how many are newer
	began       bool
}

func (n *numbered) note(id uint64) {
	if !n.began {
		n.first = max(n.first, id)
	} else if id > n.first {
		n.since++
	}
	n.last = max(n.last, id)
}

// unseen reports whether one may have come and gone.
func (n *numbered) unseen() bool { return n.last-n.first != n.since }

// maxThreads is how many threads are remembered.
const maxThreads = 64 << 10

// forget makes room: of threads that have gone only their sums are kept.
func (a *Account) forget() {
	for id, t := range a.threads {
		if !t.alive {
			a.gone.add(t)
			delete(a.threads, id)
		}
	}
}
