// SPDX-License-Identifier: Apache-2.0

package logtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// ReadAll calls next until io.EOF, and returns what it filled in.
func ReadAll[T any](tb testing.TB, next func(*T) error) (all []T) {
	tb.Helper()
	for {
		var one T
		if err := next(&one); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			tb.Fatal(err)
		}
		all = append(all, one)
	}
}

var kinds = map[compare.Kind]string{
	compare.Query: "query", compare.Execute: "execute", compare.Inner: "inner", compare.Other: "other",
}

// Render writes what an account tells, one statement a line.
func Render(l *compare.Listing, damaged uint64) []byte {
	var b bytes.Buffer
	for i := range l.Statements {
		s := &l.Statements[i]
		fmt.Fprintf(&b, "%d %s of %d at %s", s.Ref, kinds[s.Kind], s.Connection, at(s.Start))
		for f := range compare.NumFields {
			if s.Has.Has(f) {
				fmt.Fprintf(&b, ", %s %v", f, value(s, f))
			}
		}
		if s.Cut {
			b.WriteString(", cut")
		}
		b.WriteByte('\n')
	}
	n := l.Nature
	fmt.Fprintf(&b, "within %v, partial %v %q, skips unparsed %v, damaged lines %d\n",
		n.Resolution, n.Partial, n.Why, n.SkipsUnparsed, damaged)
	for _, loss := range l.Losses {
		fmt.Fprintf(&b, "lost %d from %s to %s: %s\n", loss.Count, at(loss.From), at(loss.To), loss.Why)
	}
	return b.Bytes()
}

func at(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000") }

func value(s *compare.Statement, f compare.Field) any {
	return map[compare.Field]any{
		compare.FieldText: s.Text, compare.FieldDuration: s.Duration, compare.FieldLockTime: s.LockTime,
		compare.FieldError: s.Error, compare.FieldSQLState: s.SQLState, compare.FieldRowsSent: s.Sent,
		compare.FieldRowsAffected: s.Affected, compare.FieldRowsExamined: s.Examined,
		compare.FieldDatabase: fmt.Sprintf("%q", s.Database), compare.FieldUser: s.User,
	}[f]
}
