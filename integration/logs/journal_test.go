// SPDX-License-Identifier: Apache-2.0

//go:build integration

package logs

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// journal is what the clients did themselves: the account that the logs are held against.
type journal struct {
	mu         sync.Mutex
	statements []compare.Statement
	texts      logfile.Texts
}

var journalFields = compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldError, compare.FieldRowsSent,
	compare.FieldDatabase, compare.FieldUser)

func (j *journal) listing() *compare.Listing {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &compare.Listing{
		Nature:     compare.Nature{Name: "journal", Resolution: time.Microsecond, Fields: journalFields},
		Statements: append([]compare.Statement(nil), j.statements...),
	}
}

// client is one connection whose statements are in the journal.
type client struct {
	t        *testing.T
	j        *journal
	conn     *sql.Conn
	id       uint64
	database string
}

func (j *journal) client(t *testing.T, db *sql.DB) *client {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, j: j, conn: conn, database: "test"}
	const ask = "SELECT CONNECTION_ID()"
	began := time.Now()
	if err := conn.QueryRowContext(t.Context(), ask).Scan(&c.id); err != nil {
		t.Fatal(err)
	}
	c.note(compare.Query, ask, began, 1, 0, nil)
	return c
}

// note writes a statement down that has ended.
func (c *client) note(kind compare.Kind, text string, began time.Time, sent, affected int64, err error) {
	s := compare.Statement{
		Kind: kind, Has: journalFields, Connection: c.id, Start: began.UnixNano(), Duration: time.Since(began),
		Sent: uint64(sent), Database: c.database, User: "spanbridge",
	}
	if affected >= 0 {
		s.Affected = uint64(affected)
		s.Has |= compare.FieldsOf(compare.FieldRowsAffected)
	}
	var failed *mysql.MySQLError
	if errors.As(err, &failed) {
		s.Error = uint32(failed.Number)
	} else if err != nil {
		c.t.Error(text, err)
	}
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	s.Text = c.j.texts.Statement([]byte(text), false)
	c.j.statements = append(c.j.statements, s)
}

// exec runs what has no rows.
func (c *client) exec(text string, args ...any) {
	kind, run := c.kind(text, args)
	began := time.Now()
	result, err := run.ExecContext(c.t.Context(), args...)
	affected := int64(-1)
	if err == nil {
		affected, _ = result.RowsAffected()
	}
	c.note(kind, text, began, 0, affected, err)
}

// query runs what has rows.
func (c *client) query(text string, args ...any) {
	kind, run := c.kind(text, args)
	began := time.Now()
	rows, err := run.QueryContext(c.t.Context(), args...)
	sent := int64(0)
	if err == nil {
		for rows.Next() {
			sent++
		}
		err = errors.Join(rows.Err(), rows.Close())
	}
	c.note(kind, text, began, sent, 0, err)
}

// packet sends several statements at once.
func (c *client) packet(texts ...string) {
	began := time.Now()
	rows, err := c.conn.QueryContext(c.t.Context(), strings.Join(texts, "; "))
	if err != nil {
		c.t.Error(err)
		return
	}
	defer rows.Close()
	for _, text := range texts {
		sent := int64(0)
		for rows.Next() {
			sent++
		}
		rows.NextResultSet()
		c.note(compare.Query, text, began, sent, 0, rows.Err())
	}
}

func (c *client) use(database string) {
	began := time.Now()
	_, err := c.conn.ExecContext(c.t.Context(), "USE "+database)
	c.database = database
	c.note(compare.Query, "USE "+database, began, 0, 0, err)
}

// runner is a connection with a text, or a prepared statement.
type runner interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
}

type text struct {
	conn *sql.Conn
	sql  string
}

func (q text) ExecContext(ctx context.Context, _ ...any) (sql.Result, error) {
	return q.conn.ExecContext(ctx, q.sql)
}

func (q text) QueryContext(ctx context.Context, _ ...any) (*sql.Rows, error) {
	return q.conn.QueryContext(ctx, q.sql)
}

// kind prepares what has arguments, before the time that is noted.
func (c *client) kind(sqlText string, args []any) (compare.Kind, runner) {
	c.t.Helper()
	if len(args) == 0 {
		return compare.Query, text{c.conn, sqlText}
	}
	prepared, err := c.conn.PrepareContext(c.t.Context(), sqlText)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { prepared.Close() })
	return compare.Execute, prepared
}
