// SPDX-License-Identifier: Apache-2.0

package generallog

import (
	"context"
	"database/sql"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// Table is the account of mysql.general_log, which servers write with log_output=TABLE. Its
// stamps have microseconds also where those of a file have not; in MySQL 5.6 they have none.
type Table struct {
	rows   *logfile.Table
	writer writer
	nature compare.Nature
}

// OpenTable reads what was logged from a time on, but not what this connection of db itself does.
func OpenTable(ctx context.Context, db *sql.DB, from time.Time) (*Table, error) {
	const login = "SUBSTRING_INDEX(SUBSTRING_INDEX(user_host, '[', -2), ']', 1)"
	rows, err := logfile.OpenTable(ctx, db, "general_log", "event_time", from, func(*logfile.Table) string {
		return login + ", thread_id, command_type, argument"
	})
	if err != nil {
		return nil, err
	}
	t := &Table{rows: rows, nature: natureOf(rows.Resolution)}
	t.nature.Fields |= compare.FieldsOf(compare.FieldUser)
	t.nature.SkipsUnparsed = !rows.MariaDB
	return t, nil
}

// Next implements [compare.Account].
func (t *Table) Next(s *compare.Statement) error {
	for !t.writer.next(s) {
		if err := t.row(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) row() (err error) {
	var at time.Duration
	var user, name, argument sql.RawBytes
	s := compare.Statement{Has: compare.FieldsOf(compare.FieldUser)}
	if s.Ref, err = t.rows.Next(&at, &user, &s.Connection, &name, &argument); err != nil {
		return err
	}
	s.Start = int64(at)
	s.User = t.writer.texts.Name(user)
	kept := argument[:min(len(argument), logfile.MaxText)]
	t.writer.write(s, commandOf(name), kept, len(kept) < len(argument), t.rows.MariaDB)
	return nil
}

// Nature implements [compare.Account].
func (t *Table) Nature() compare.Nature { return t.nature }

// Losses implements [compare.Account]: a table tells of none.
func (t *Table) Losses() []compare.Loss { return nil }

// Close implements [compare.Account].
func (t *Table) Close() error { return t.rows.Close() }
