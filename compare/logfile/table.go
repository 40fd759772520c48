// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Table reads a table that a server logs to (log_output=TABLE), on a connection of its own.
type Table struct {
	MariaDB    bool
	Resolution time.Duration // of its stamps and durations

	name   string
	conn   *sql.Conn
	rows   *sql.Rows
	number uint64
}

// OpenTable reads from a table of the schema mysql what was logged from a time on, but not
// what its own connection does. Columns are asked for once it is known what the
// table has. The stamp is the column of the time.
func OpenTable(ctx context.Context, db *sql.DB, name, stamp string, from time.Time, columns func(*Table) string) (_ *Table, err error) {
	t := &Table{name: name}
	if t.conn, err = db.Conn(ctx); err != nil {
		return nil, t.failed(err)
	}
	if err := t.query(ctx, stamp, from, columns); err != nil {
		return nil, errors.Join(t.failed(err), t.conn.Close())
	}
	return t, nil
}

func (t *Table) failed(err error) error { return fmt.Errorf("read mysql.%s: %w", t.name, err) }

// query asks for times as numbers, which no time zone and no setting of the driver changes.
func (t *Table) query(ctx context.Context, stamp string, from time.Time, columns func(*Table) string) (err error) {
	var version string
	var digits int // MySQL 5.6 has none below the second
	err = t.conn.QueryRowContext(ctx, `SELECT VERSION(), DATETIME_PRECISION FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = ? AND COLUMN_NAME = ?`, t.name, stamp).Scan(&version, &digits)
	if err != nil {
		return err
	}
	t.MariaDB = strings.Contains(version, "MariaDB")
	if t.Resolution = time.Microsecond; digits == 0 {
		t.Resolution = time.Second
	}
	t.rows, err = t.conn.QueryContext(ctx, "SELECT CAST(UNIX_TIMESTAMP("+stamp+") * 1000000 AS SIGNED), "+columns(t)+
		" FROM mysql."+t.name+" WHERE "+stamp+" >= FROM_UNIXTIME(?) AND thread_id <> CONNECTION_ID()",
		float64(from.Truncate(t.Resolution).UnixMicro())/1e6)
	return err
}

// Next reads the stamp, in Unix time, and the columns of the next row, and returns its number,
// from 1. It returns io.EOF at the end.
func (t *Table) Next(at *time.Duration, columns ...any) (uint64, error) {
	if !t.rows.Next() {
		if err := t.rows.Err(); err != nil {
			return 0, t.failed(err)
		}
		return 0, io.EOF
	}
	var micros int64
	if err := t.rows.Scan(append([]any{&micros}, columns...)...); err != nil {
		return 0, t.failed(err)
	}
	*at = time.Duration(micros) * time.Microsecond
	t.number++
	return t.number, nil
}

// Close gives the connection back.
func (t *Table) Close() error { return errors.Join(t.rows.Close(), t.conn.Close()) }
