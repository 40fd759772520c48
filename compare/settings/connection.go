// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// lockName is that of the server's lock, and lockSeconds how long it is waited for: a server takes a moment to
// see that a client was killed.
const (
	lockName    = "spanbridge settings"
	lockSeconds = 5
)

// connect opens a connection that holds the server's lock.
func connect(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, conn); err != nil {
		return nil, errors.Join(err, disconnect(conn))
	}
	return conn, nil
}

// prepare makes the server refuse values out of a variable's range, which it would else change to what it
// allows, and keeps the connection while nothing is changed. Literals are written for this mode
// and character set.
func prepare(ctx context.Context, conn *sql.Conn) error {
	for _, q := range []string{"SET NAMES utf8mb4", "SET SESSION sql_mode = 'STRICT_ALL_TABLES', wait_timeout = 2147483"} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	var got sql.NullBool
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", lockName, lockSeconds).Scan(&got); err != nil {
		return err
	}
	if got.Bool {
		return nil
	}
	var holder sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", lockName).Scan(&holder); err != nil {
		return err
	}
	return fmt.Errorf("%w on connection %d of the server", ErrRunning, holder.Int64)
}

// disconnect ends the connection, and with it the lock and what was set for it. The pool opens another one.
func disconnect(conn *sql.Conn) error {
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
