// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"strings"
	"time"
)

// Kind says what the server was asked for.
type Kind uint8

// The kinds. Only Query and Execute are statements in the sense of this package.
const (
	Query   Kind = iota // a statement of a text packet
	Execute             // an execution of a prepared statement
	Inner               // a statement inside a stored program
	Other               // no statement: prepare, close, ping, change of the database
)

// Counts reports whether it is a statement to compare.
func (k Kind) Counts() bool { return k == Query || k == Execute }

// Field is one thing that an account may tell of a statement.
type Field uint8

// The fields.
const (
	FieldText Field = iota
	FieldDuration
	FieldLockTime
	FieldError
	FieldSQLState
	FieldRowsSent
	FieldRowsAffected
	FieldRowsExamined
	FieldDatabase
	FieldUser
	NumFields
)

var fieldNames = [NumFields]string{
	"text", "duration", "lock time", "error", "sqlstate", "rows sent", "rows affected", "rows examined", "database", "user",
}

func (f Field) String() string { return fieldNames[f] }

// Fields is a set of fields.
type Fields uint16

// FieldsOf makes a set.
func FieldsOf(fields ...Field) Fields {
	var s Fields
	for _, f := range fields {
		s |= 1 << f
	}
	return s
}

// Has reports whether the field is in the set.
func (s Fields) Has(f Field) bool { return s>>f&1 != 0 }

// Statement is one statement as one account tells of it. A field counts only if
// it is in Has.
type Statement struct {
	Kind       Kind
	Has        Fields
	Cut        bool          // Text is only how the statement begins
	Connection uint64        // the server's number, as in CONNECTION_ID()
	Start      int64         // Unix time by the account's clock, nanoseconds
	Duration   time.Duration // from the account's point of start to its point of end; without FieldDuration: the time in which it may have run
	LockTime   time.Duration
	Text       string // sanitised: see bridge/sqltext
	Error      uint32 // the server's number, 0: it did not fail
	SQLState   string
	Sent       uint64 // rows
	Affected   uint64 // rows
	Examined   uint64 // rows
	Database   string
	User       string
	// Shortest is the shortest duration that any account has told of the statement, 0 if there was none: see
	// [Listing.Corroborate].
	Shortest time.Duration
	// Ref finds the statement again in the account: an EVENT_ID, a line.
	Ref uint64
}

// errParse is ER_PARSE_ERROR.
const errParse = 1064

// unparsed reports whether the statement is known to have failed in the parser.
func (s *Statement) unparsed() bool { return s.Has.Has(FieldError) && s.Error == errParse }

// shortest is how long the statement took at least by an account that leaves out what is short, as far as that is
// known: by the account that tells of it, by what such two usually differ, and by any other account, which has other
// points and tells it less finely.
func (s *Statement) shortest(usually time.Duration) time.Duration {
	least := time.Duration(math.MaxInt64)
	if s.Has.Has(FieldDuration) {
		least = min(s.Duration, usually)
	}
	if s.Shortest > 0 {
		least = min(least, s.Shortest-s.Shortest/50-20*time.Microsecond)
	}
	return least
}

// within reports whether a moment lies in the statement's time.
func (s *Statement) within(at int64) bool { return s.Start <= at && at <= s.Start+int64(s.Duration) }

// ellipsis is what bridge/sqltext puts at the end of a text that was cut.
const ellipsis = "\u2026"

// sameText reports whether two statements may be the same one by their texts:
// one of them has none and the same came of both, they are equal, or one that was cut begins the
// other.
func sameText(a, b *Statement) bool {
	if !a.Has.Has(FieldText) || !b.Has.Has(FieldText) {
		return sameOutcome(a, b)
	}
	switch {
	case a.Cut && b.Cut:
		x, y := whole(a.Text), whole(b.Text)
		return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
	case a.Cut:
		return strings.HasPrefix(b.Text, whole(a.Text))
	case b.Cut:
		return strings.HasPrefix(a.Text, whole(b.Text))
	}
	return a.Text == b.Text
}

// sameOutcome reports whether nothing speaks against it that the same error, or as many rows, came
// of two statements.
func sameOutcome(a, b *Statement) bool {
	both := a.Has & b.Has
	return !(both.Has(FieldError) && a.Error != b.Error || both.Has(FieldRowsSent) && a.Sent != b.Sent)
}

// whole leaves out the mark of a cut, and what a list that goes on may end with.
func whole(text string) string {
	return strings.TrimRight(strings.TrimSuffix(text, ellipsis), " ,(")
}
