// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// client is one connection of Mixed, and what it did.
type client struct {
	ctx      context.Context // of statements
	conn     *sql.Conn
	id       uint64
	rng      *rand.Rand
	own      int           // its next own row
	numbers  *atomic.Int64 // that identify statements; shared
	limit    int64         // of numbers, 0: none
	keep     bool
	database string
	user     string

	find, change, add *sql.Stmt
	since             map[string]bool // texts since the last statement with a number

	durations  durations
	done       uint64 // statements
	failed     uint64 // of them
	err        error  // that ended it
	texts      logfile.Texts
	statements []compare.Statement
	losses     []compare.Loss
}

func newClient(ctx context.Context, m *Mixed, i int, numbers *atomic.Int64, limit int) (_ *client, err error) {
	c := &client{
		ctx: ctx, rng: rand.New(rand.NewPCG(uint64(m.seed), uint64(i))), own: ownRows + i*1_000_000, numbers: numbers, limit: int64(limit),
		keep: m.keep > 0, database: m.server.DBName, user: m.server.User, since: make(map[string]bool),
	}
	if c.conn, err = m.db.Conn(ctx); err != nil {
		return nil, err
	}
	const ask = "SELECT CONNECTION_ID()"
	began := time.Now()
	if err := c.conn.QueryRowContext(ctx, ask).Scan(&c.id); err != nil {
		return nil, errors.Join(err, c.conn.Close())
	}
	c.note(compare.Query, ask, began, counts{sent: 1, affected: 0}, nil)
	for text, to := range map[string]**sql.Stmt{
		findText: &c.find, changeText: &c.change, addText: &c.add,
	} {
		if *to, err = c.conn.PrepareContext(ctx, text); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// close ends the connection.
func (c *client) close() {
	for _, s := range []*sql.Stmt{c.find, c.change, c.add} {
		if s != nil {
			_ = s.Close()
		}
	}
	_ = c.conn.Close()
}

// work does steps until the time is over, the number of statements is reached, or the
// connection is lost.
func (c *client) work(until context.Context) {
	for until.Err() == nil && c.err == nil && (c.limit == 0 || c.numbers.Load() < c.limit) {
		pick := c.rng.IntN(allWeights)
		for _, s := range steps {
			if pick -= s.weight; pick < 0 {
				s.do(c)
				break
			}
		}
	}
}

// counts is how many rows a client was told of; below 0: it was not.
type counts struct {
	sent, affected int64
	// follows: it is not the first of its packet, and a client cannot know when it began.
	follows bool
}

var journalFields = compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldError, compare.FieldRowsSent,
	compare.FieldRowsAffected, compare.FieldDatabase, compare.FieldUser)

// note writes a statement down that has ended.
func (c *client) note(kind compare.Kind, text string, began time.Time, n counts, err error) {
	took := time.Since(began)
	s := compare.Statement{
		Kind: kind, Has: journalFields, Connection: c.id, Start: began.UnixNano(), Duration: took,
		Database: c.database, User: c.user, Ref: uint64(c.numbers.Add(1)),
	}
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused):
		s.Error = uint32(refused.Number)
		c.failed++
	case err != nil:
		c.lost(text, began, err)
		return
	}
	c.done++
	if n.follows {
		s.Has &^= compare.FieldsOf(compare.FieldDuration) // it is within that time
	} else {
		c.durations.add(took)
	}
	if !c.keep {
		return
	}
	n.set(&s)
	s.Text = c.texts.Statement([]byte(text), false)
	c.statements = append(c.statements, s)
}

// lost notes that it is not known what became of a statement.
func (c *client) lost(text string, began time.Time, err error) {
	c.err = fmt.Errorf("connection %d: %.40q: %w", c.id, text, err)
	c.losses = append(c.losses, compare.Loss{
		Connection: c.id, From: began.UnixNano(), To: time.Now().UnixNano(), Count: 1, Why: WhyLost,
	})
}

// number is a name that no other statement has.
func (c *client) number() string {
	clear(c.since)
	return fmt.Sprintf("s%d_%d", c.id, c.numbers.Load())
}

// separate sees to it that a statement with a number is between two of the same text.
func (c *client) separate(text string) {
	if c.since[text] {
		c.query("SELECT n AS %s FROM " + table + " WHERE id = 2")
	}
	c.since[text] = true
}

// numbered puts a number into a text that has a place for one.
func (c *client) numbered(text string) string {
	if strings.Contains(text, "%s") {
		return strings.ReplaceAll(text, "%s", c.number())
	}
	c.separate(text)
	return text
}

// exec runs what has no rows.
func (c *client) exec(text string) {
	if c.err != nil {
		return
	}
	text = c.numbered(text)
	began := time.Now()
	result, err := c.conn.ExecContext(c.ctx, text)
	c.note(compare.Query, text, began, counts{affected: affectedBy(result, err)}, err)
}

// query runs what has rows.
func (c *client) query(text string) {
	if c.err != nil {
		return
	}
	text = c.numbered(text)
	began := time.Now()
	rows, err := c.conn.QueryContext(c.ctx, text)
	sent, err := read(rows, err)
	c.note(compare.Query, text, began, counts{sent: sent}, err)
}
