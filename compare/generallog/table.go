// SPDX-License-Identifier: Apache-2.0

package generallog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// Table is the account of mysql.general_log, which servers write with
// log_output=TABLE. Its stamps have microseconds also where those of a file have not.
type Table struct {
	conn   *sql.Conn
	rows   *sql.Rows
	writer writer
	maria  bool
	nature compare.Nature
	number uint64
}

// OpenTable reads what was logged from a time on, but not what this connection of db itself does.
func OpenTable(ctx context.Context, db *sql.DB, from time.Time) (_ *Table, err error) {
	t := &Table{nature: natureOf(time.Microsecond)}
	t.nature.Fields |= compare.FieldsOf(compare.FieldUser)
	if t.conn, err = db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("read mysql.general_log: %w", err)
	}
	if err := t.query(ctx, from); err != nil {
		return nil, errors.Join(fmt.Errorf("read mysql.general_log: %w", err), t.conn.Close())
	}
	return t, nil
}

// query asks for the time as a number, which no time zone and no setting of the driver
// changes.
func (t *Table) query(ctx context.Context, from time.Time) (err error) {
	var version string
	if err := t.conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return err
	}
	t.maria = strings.Contains(version, "MariaDB")
	t.nature.SkipsUnparsed = !t.maria
	t.rows, err = t.conn.QueryContext(ctx, `SELECT CAST(UNIX_TIMESTAMP(event_time) * 1000000 AS SIGNED),
		SUBSTRING_INDEX(SUBSTRING_INDEX(user_host, '[', -2), ']', 1), thread_id, command_type, argument
		FROM mysql.general_log WHERE event_time >= FROM_UNIXTIME(?) AND thread_id <> CONNECTION_ID()`,
		float64(from.UnixMicro())/1e6)
	return err
}

// Next implements [compare.Account].
func (t *Table) Next(s *compare.Statement) error {
	for !t.writer.next(s) {
		if !t.rows.Next() {
			if err := t.rows.Err(); err != nil {
				return fmt.Errorf("read mysql.general_log: %w", err)
			}
			return io.EOF
		}
		if err := t.row(); err != nil {
			return fmt.Errorf("read mysql.general_log: %w", err)
		}
	}
	return nil
}

func (t *Table) row() error {
	var at int64
	var user, name, argument sql.RawBytes
	t.number++
	s := compare.Statement{Ref: t.number}
	if err := t.rows.Scan(&at, &user, &s.Connection, &name, &argument); err != nil {
		return err
	}
	s.Start = at * int64(time.Microsecond)
	s.User = t.writer.texts.Name(user)
	s.Has = compare.FieldsOf(compare.FieldUser)
	kept := argument[:min(len(argument), MaxText)]
	t.writer.write(s, commandOf(name), kept, len(kept) == len(argument), t.maria)
	return nil
}

// Nature implements [compare.Account].
func (t *Table) Nature() compare.Nature { return t.nature }

// Losses implements [compare.Account]: a table tells of none.
func (t *Table) Losses() []compare.Loss { return nil }

// Close implements [compare.Account].
func (t *Table) Close() error { return errors.Join(t.rows.Close(), t.conn.Close()) }
