// SPDX-License-Identifier: Apache-2.0

package load

import (
	"database/sql"
	"errors"
	"io"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// WhyLost names what a client of the load does not know the end of.
const WhyLost = "the load's client lost its connection"

// journal is the account of what the clients of a load did.
type journal struct {
	statements []compare.Statement
	losses     []compare.Loss
	numbers    int // that were given away
	next       int
}

// take takes over what a client did.
func (j *journal) take(c *client) {
	j.statements, j.losses = append(j.statements, c.statements...), append(j.losses, c.losses...)
	j.numbers = max(j.numbers, int(c.numbers.Load()))
}

// Next implements [compare.Account].
func (j *journal) Next(s *compare.Statement) error {
	if j.next == len(j.statements) {
		return io.EOF
	}
	*s = j.statements[j.next]
	j.next++
	return nil
}

// Nature implements [compare.Account].
func (j *journal) Nature() compare.Nature {
	return compare.Nature{Name: "journal", Resolution: time.Microsecond, Fields: journalFields}
}

// Losses implements [compare.Account].
func (j *journal) Losses() []compare.Loss { return j.losses }

// Close implements [compare.Account].
func (j *journal) Close() error { return nil }

// set puts into a statement what a client was told of rows.
func (n counts) set(s *compare.Statement) {
	if n.sent < 0 {
		s.Has &^= compare.FieldsOf(compare.FieldRowsSent)
	}
	if n.affected < 0 || s.Error != 0 {
		s.Has &^= compare.FieldsOf(compare.FieldRowsAffected)
	}
	s.Sent, s.Affected = uint64(max(n.sent, 0)), uint64(max(n.affected, 0))
}

// read reads rows to their end, of all results.
func read(rows *sql.Rows, err error) (n int64, _ error) {
	if err != nil {
		return 0, err
	}
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			n++
		}
	}
	return n, errors.Join(rows.Err(), rows.Close())
}

// affectedBy is how many rows a client was told to have changed.
func affectedBy(result sql.Result, err error) int64 {
	if err != nil {
		return -1
	}
	n, err := result.RowsAffected()
	if err != nil {
		return -1
	}
	return n
}
