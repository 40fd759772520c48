// SPDX-License-Identifier: Apache-2.0

package load

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// step is one or a few statements that belong together. In their texts %s is the place of a number.
type step struct {
	weight int
	do     func(*client)
}

// steps are what a client does, at random, as often as the weights say.
var steps = []step{
	{20, func(c *client) { c.query("SELECT label AS %s FROM " + table + " WHERE id = " + c.row()) }},
	{20, (*client).findPrepared},
	{6, func(c *client) {
		c.query("SELECT id, label AS %s FROM " + table + " WHERE id BETWEEN 10 AND 40 ORDER BY label DESC")
	}},
	{4, func(c *client) {
		c.query("SELECT owner, COUNT(*) AS %s, SUM(n) FROM " + table + " WHERE id <= 400 GROUP BY owner")
	}},
	{8, func(c *client) { c.exec("UPDATE " + table + " AS %s SET n = n + 1 WHERE id = " + c.row()) }},
	{8, (*client).changePrepared},
	{6, (*client).insert},
	{5, (*client).transaction},
	{4, (*client).packet},
	{3, (*client).call},
	{3, func(c *client) {
		c.exec("INSERT INTO " + table + " (id, owner, n, label) SELECT 1, 1, 1, 'twice' AS %s")
	}},
	{2, func(c *client) { c.query("SELECT 1 AS %s FROM spanbridge_load_nothing") }},
	{2, func(c *client) { c.query("SELEC %s") }},
	{2, (*client).long},
	{1, func(c *client) { c.query("SELECT SLEEP(0.004) AS %s") }},
}

var allWeights = func() (n int) {
	for _, s := range steps {
		n += s.weight
	}
	return n
}()

// row is the id of one of those that all clients read and change.
func (c *client) row() string { return fmt.Sprint(2 + c.rng.IntN(firstRows-1)) }

// ownRow is the id of a row that is not there yet, and that only this client makes.
func (c *client) ownRow() int {
	c.own++
	return c.own
}

const (
	findText   = "SELECT id, n, label FROM " + table + " WHERE id = ?"
	changeText = "UPDATE " + table + " SET n = n + ? WHERE id = ?"
	addText    = "INSERT INTO " + table + " (id, owner, n, label) VALUES (?, ?, 0, ?)"
)

func (c *client) findPrepared() { c.queryPrepared(c.find, findText, 1+c.rng.IntN(firstRows)) }

func (c *client) changePrepared() {
	c.execPrepared(c.change, changeText, 1, 2+c.rng.IntN(firstRows-1))
}

// insert adds a row, by text or prepared, and takes it away again.
func (c *client) insert() {
	id := c.ownRow()
	if c.rng.IntN(2) == 0 {
		c.execPrepared(c.add, addText, id, 11, "it's a; label\n# Time: of day")
	} else {
		c.exec(fmt.Sprintf("INSERT INTO "+table+" VALUES (%d, 12, 0, 'it''s; \n# User@Host: a label', 'a note')", id))
	}
	c.exec(fmt.Sprintf("DELETE %%s FROM "+table+" AS %%s WHERE %%s.id = %d", id))
}

// transaction changes the row that all clients change: they wait for each other.
func (c *client) transaction() {
	id := c.ownRow()
	c.exec("BEGIN")
	c.execPrepared(c.add, addText, id, 13, "in a transaction")
	c.exec(fmt.Sprintf("DELETE %%s FROM "+table+" AS %%s WHERE %%s.id = %d", id))
	c.exec(fmt.Sprintf("UPDATE "+table+" AS %%s SET n = n + 1 WHERE id = %d", hotRow))
	if c.rng.IntN(4) == 0 {
		c.exec("ROLLBACK")
	} else {
		c.exec("COMMIT")
	}
}

// long sends a statement that is longer than what most accounts keep of one.
func (c *client) long() {
	size := 1500
	if c.rng.IntN(3) == 0 {
		size = 9000
	}
	c.query("SELECT label AS %s, '" + strings.Repeat("secret ", size/7) + "' FROM " + table + " WHERE id = " + c.row())
}

// packet sends several statements at once.
func (c *client) packet() {
	if c.err != nil {
		return
	}
	texts := []string{
		c.numbered("SELECT label AS %s_a FROM " + table + " WHERE id = 3"),
		c.numbered("SELECT COUNT(*) AS %s_b FROM " + table + " WHERE owner = 3"),
	}
	began := time.Now()
	rows, err := c.conn.QueryContext(c.ctx, strings.Join(texts, "; "))
	if err != nil {
		c.lost(texts[0], began, err)
		return
	}
	defer rows.Close()
	for i, text := range texts {
		n := counts{follows: i > 0}
		for rows.Next() {
			n.sent++
		}
		rows.NextResultSet()
		c.note(compare.Query, text, began, n, rows.Err())
	}
}

// call runs a procedure. What a client is told of rows is of the statements inside.
func (c *client) call() {
	if c.err != nil {
		return
	}
	text := c.numbered("CALL " + procedure + "(4)")
	began := time.Now()
	rows, err := c.conn.QueryContext(c.ctx, text)
	_, err = read(rows, err)
	c.note(compare.Query, text, began, counts{sent: -1, affected: -1}, err)
}

func (c *client) queryPrepared(s *sql.Stmt, text string, args ...any) {
	if c.separate(text); c.err != nil {
		return
	}
	began := time.Now()
	rows, err := s.QueryContext(c.ctx, args...)
	sent, err := read(rows, err)
	c.note(compare.Execute, text, began, counts{sent: sent}, err)
}

func (c *client) execPrepared(s *sql.Stmt, text string, args ...any) {
	if c.separate(text); c.err != nil {
		return
	}
	began := time.Now()
	result, err := s.ExecContext(c.ctx, args...)
	c.note(compare.Execute, text, began, counts{affected: affectedBy(result, err)}, err)
}
