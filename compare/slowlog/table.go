// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"context"
	"database/sql"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// Table is the account of mysql.slow_log, which servers write with log_output=TABLE. Its stamps
// have microseconds also where those of a file have not; in MySQL 5.6 they have none, and
// durations are not told.
type Table struct {
	rows   *logfile.Table
	texts  logfile.Texts
	nature compare.Nature
}

// OpenTable reads what was logged from a time on, but not what this connection of db itself does.
func OpenTable(ctx context.Context, db *sql.DB, from time.Time, o Options) (*Table, error) {
	rows, err := logfile.OpenTable(ctx, db, "slow_log", "start_time", from, tableColumns)
	if err != nil {
		return nil, err
	}
	fields := compare.FieldsOf(compare.FieldText, compare.FieldRowsSent, compare.FieldRowsExamined,
		compare.FieldDatabase, compare.FieldUser)
	resolution := rows.Resolution
	if resolution < time.Second {
		fields |= compare.FieldsOf(compare.FieldDuration, compare.FieldLockTime)
	} else {
		resolution *= 2 // what is stamped is the end, and durations have whole seconds, too
	}
	if rows.MariaDB {
		fields |= compare.FieldsOf(compare.FieldRowsAffected)
	}
	return &Table{rows: rows, nature: compare.Nature{
		Name: "slowlog", Resolution: resolution, Fields: fields, MinDuration: o.MinDuration,
		Partial: o.LeftOut != "", Why: o.LeftOut, SkipsUnparsed: !rows.MariaDB && rows.Resolution < time.Second, // MySQL 5.6 does not
	}}, nil
}

func tableColumns(t *logfile.Table) string {
	affected := "0"
	if t.MariaDB {
		affected = "rows_affected"
	}
	return `user_host, CAST(FLOOR(TIME_TO_SEC(query_time)) AS SIGNED) * 1000000 + MICROSECOND(query_time),
		CAST(FLOOR(TIME_TO_SEC(lock_time)) AS SIGNED) * 1000000 + MICROSECOND(lock_time),
		rows_sent, rows_examined, ` + affected + `, db, thread_id, sql_text`
}

// Next implements [compare.Account].
func (t *Table) Next(s *compare.Statement) (err error) {
	var at time.Duration
	var took, locked int64
	var user, database, text sql.RawBytes
	*s = compare.Statement{Has: t.nature.Fields}
	s.Ref, err = t.rows.Next(&at, &user, &took, &locked, &s.Sent, &s.Examined, &s.Affected, &database, &s.Connection, &text)
	if err != nil {
		return err
	}
	s.Duration, s.LockTime = time.Duration(took)*time.Microsecond, time.Duration(locked)*time.Microsecond
	if s.Start = int64(at); !t.rows.MariaDB {
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
	case "Prepare", "Close stmt", "Reset stmt", "Long Data", "Fetch", "Quit", "Ping", "Init DB", "Field List",
		"Statistics", "Change user", "Reset Connection", "Debug", "Sleep", "Connect", "Binlog Dump",
		"Binlog Dump GTID", "Daemon":
		s.Kind = compare.Other
	default:
		s.Cut = len(text) > logfile.MaxText
		s.Text = t.texts.Statement(text[:min(len(text), logfile.MaxText)], s.Cut)
		return
	}
	s.Has &^= compare.FieldsOf(compare.FieldText)
}

// Nature implements [compare.Account].
func (t *Table) Nature() compare.Nature { return t.nature }

// Losses implements [compare.Account]: a table tells of none.
func (t *Table) Losses() []compare.Loss { return nil }

// Close implements [compare.Account].
func (t *Table) Close() error { return t.rows.Close() }
