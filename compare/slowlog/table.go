// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// Table is the account of mysql.slow_log, which servers write with
// log_output=TABLE. Its stamps have microseconds also where those of a file have not.
type Table struct {
	conn   *sql.Conn
	rows   *sql.Rows
	texts  logfile.Texts
	maria  bool
	nature compare.Nature
	number uint64
}

// tableFields are those that the tables of all servers tell.
var tableFields = compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldLockTime,
	compare.FieldRowsSent, compare.FieldRowsExamined, compare.FieldDatabase, compare.FieldUser)

// OpenTable reads what was logged from a time on, but not what this connection of db itself does.
func OpenTable(ctx context.Context, db *sql.DB, from time.Time, o Options) (_ *Table, err error) {
	t := &Table{nature: compare.Nature{
		Name: "slowlog", Resolution: time.Microsecond, Fields: tableFields,
		MinDuration: o.MinDuration, Partial: o.LeftOut != "", Why: o.LeftOut,
	}}
	if t.conn, err = db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("read mysql.slow_log: %w", err)
	}
	if err := t.query(ctx, from); err != nil {
		return nil, errors.Join(fmt.Errorf("read mysql.slow_log: %w", err), t.conn.Close())
	}
	return t, nil
}

// query asks for everything as numbers, which no time zone and no setting of the
// driver changes.
func (t *Table) query(ctx context.Context, from time.Time) (err error) {
	var version string
	if err := t.conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return err
	}
	t.maria = strings.Contains(version, "MariaDB")
	t.nature.SkipsUnparsed = !t.maria
	affected := "0"
	if t.maria {
		affected = "rows_affected"
		t.nature.Fields |= compare.FieldsOf(compare.FieldRowsAffected)
	}
	t.rows, err = t.conn.QueryContext(ctx, `SELECT
		CAST(UNIX_TIMESTAMP(start_time) * 1000000 AS SIGNED), user_host,
		CAST(FLOOR(TIME_TO_SEC(query_time)) AS SIGNED) * 1000000 + MICROSECOND(query_time),
		CAST(FLOOR(TIME_TO_SEC(lock_time)) AS SIGNED) * 1000000 + MICROSECOND(lock_time),
		rows_sent, rows_examined, `+affected+`, db, thread_id, sql_text
		FROM mysql.slow_log WHERE start_time >= FROM_UNIXTIME(?) AND thread_id <> CONNECTION_ID()`,
		float64(from.UnixMicro())/1e6)
	return err
}

// Next implements [compare.Account].
func (t *Table) Next(s *compare.Statement) error {
	if !t.rows.Next() {
		if err := t.rows.Err(); err != nil {
			return fmt.Errorf("read mysql.slow_log: %w", err)
		}
		return io.EOF
	}
	var at, took, locked int64
	var user, database, text sql.RawBytes
	*s = compare.Statement{Has: t.nature.Fields}
	err := t.rows.Scan(&at, &user, &took, &locked, &s.Sent, &s.Examined, &s.Affected, &database, &s.Connection, &text)
	if err != nil {
		return fmt.Errorf("read mysql.slow_log: %w", err)
	}
	t.number++
	s.Ref = t.number
	s.Duration, s.LockTime = time.Duration(took)*time.Microsecond, time.Duration(locked)*time.Microsecond
	s.Start = at * int64(time.Microsecond)
	if !t.maria {
		s.Start -= int64(s.Duration) // start_time is the end
	}
	s.Database = t.texts.Name(database)
	s.User = t.texts.Name(loginOf(user))
	t.text(s, text)
	return nil
}

// text takes a statement, or the name of a command, which nothing tells apart from one.
func (t *Table) text(s *compare.Statement, text []byte) {
	switch string(text) {
	case "Execute":
		s.Kind = compare.Execute
	case "Prepare", "Close stmt", "Reset stmt", "Long Data", "Fetch", "Quit", "Ping", "Init DB", "Field List", "Statistics",
		"Change user", "Reset Connection", "Debug", "Sleep", "Connect", "Binlog Dump", "Binlog Dump GTID", "Daemon":
		s.Kind = compare.Other
	default:
		s.Cut = len(text) > MaxText
		s.Text = t.texts.Statement(text[:min(len(text), MaxText)], s.Cut)
		return
	}
	s.Has &^= compare.FieldsOf(compare.FieldText)
}

// Nature implements [compare.Account].
func (t *Table) Nature() compare.Nature { return t.nature }

// Losses implements [compare.Account]: a table tells of none.
func (t *Table) Losses() []compare.Loss { return nil }

// Close implements [compare.Account].
func (t *Table) Close() error { return errors.Join(t.rows.Close(), t.conn.Close()) }
