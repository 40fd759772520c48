// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Watch is a connection for looking at a server's sums and locks. Performance Schema does not
// see what it does, if it has the privilege to say so. It is used by one goroutine.
type Watch struct {
	conn      *sql.Conn
	mariadb   bool
	locksRead time.Time
}

// NewWatch opens a connection of the database, until Close.
func NewWatch(ctx context.Context, db *sql.DB) (*Watch, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch Performance Schema: %w", err)
	}
	w := &Watch{conn: conn}
	if err := w.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("watch Performance Schema: %w", err), w.Close())
	}
	return w, nil
}

func (w *Watch) begin(ctx context.Context) error {
	if err := plain(ctx, w.conn); err != nil {
		return err
	}
	var version string
	if err := w.conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return err
	}
	w.mariadb = strings.Contains(version, "MariaDB")
	// Whoever may not is seen.
	_, err := w.conn.ExecContext(ctx, "UPDATE performance_schema.threads SET INSTRUMENTED = 'NO' WHERE PROCESSLIST_ID = CONNECTION_ID()")
	if err != nil {
		return w.conn.PingContext(ctx)
	}
	return nil
}

// Close ends the connection.
func (w *Watch) Close() error { return discard(w.conn) }

// plain sets for a connection what queries of this package rely on.
func plain(ctx context.Context, conn *sql.Conn) error {
	for _, q := range []string{"SET NAMES utf8mb4", "SET SESSION time_zone = '+00:00', sql_mode = '', wait_timeout = 2147483"} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// discard ends a connection, and with it what was set for it.
func discard(conn *sql.Conn) error {
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
