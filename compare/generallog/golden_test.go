// SPDX-License-Identifier: Apache-2.0

package generallog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/logfile/logtest"
)

var kinds = map[compare.Kind]string{
	compare.Query: "query", compare.Execute: "execute", compare.Inner: "inner", compare.Other: "other",
}

var tokyo = time.FixedZone("", 9*3600)

// render writes what an account tells, one statement a line.
func render(l *compare.Listing, damaged uint64) []byte {
	var b bytes.Buffer
	for i := range l.Statements {
		s := &l.Statements[i]
		fmt.Fprintf(&b, "%d %s of %d at %s: %q", s.Ref, kinds[s.Kind], s.Connection, at(s.Start), s.Text)
		if s.Cut {
			b.WriteString(", cut")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "within %v, skips unparsed %v, damaged lines %d\n", l.Nature.Resolution, l.Nature.SkipsUnparsed, damaged)
	for _, loss := range l.Losses {
		fmt.Fprintf(&b, "lost %d from %s to %s: %s\n", loss.Count, at(loss.From), at(loss.To), loss.Why)
	}
	return b.Bytes()
}

func at(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000") }

func TestEveryFormTellsWhatItSays(t *testing.T) {
	logtest.Golden(t, 4, func(t *testing.T, raw io.Reader) []byte {
		r := New(raw, tokyo)
		l, err := compare.Collect(r, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return render(l, r.Damaged())
	})
}

func FuzzReader(f *testing.F) {
	logtest.Seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = append(bytes.ReplaceAll(raw, []byte{'`'}, nil), " "+logtest.Literal+"\n261126 12:14:36\t     5 Query\tselect a\n"...)
		r := New(bytes.NewReader(raw), tokyo)
		lines := uint64(bytes.Count(raw, []byte{'\n'}) + 1)
		last := uint64(0)
		for {
			var s compare.Statement
			if err := r.Next(&s); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if s.Ref < last || s.Ref > lines {
				t.Fatalf("line %d after line %d of %d", s.Ref, last, lines)
			}
			last = s.Ref
			if strings.Contains(s.Text, logtest.Literal) || !utf8.ValidString(s.Text) {
				t.Fatalf("text %q", s.Text)
			}
		}
		if r.Damaged() > lines {
			t.Fatalf("%d of %d lines are damaged", r.Damaged(), lines)
		}
	})
}

func TestAStatementOfAnyLengthIsCut(t *testing.T) {
	line := "2026-11-26T02:14:52.555578Z\t   11 Query\tselect 'a'"
	more := strings.Repeat(",\n 'secret'", 1<<20)
	l, err := compare.Collect(New(strings.NewReader(line+more+"\n"+line), tokyo), 10)
	if err != nil || len(l.Statements) != 2 || !l.Statements[0].Cut || l.Statements[1].Cut || len(l.Statements[0].Text) > 3*logfile.MaxText {
		t.Fatalf("%v, %d statements", err, len(l.Statements))
	}
}
