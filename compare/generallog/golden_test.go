// SPDX-License-Identifier: Apache-2.0

package generallog

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/logfile/logtest"
)

var tokyo = time.FixedZone("", 9*3600)

func TestEveryFormTellsWhatItSays(t *testing.T) {
	logtest.Golden(t, 4, func(t *testing.T, raw io.Reader) []byte {
		r := New(raw, tokyo)
		l, err := compare.Collect(r, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return logtest.Render(l, r.Damaged())
	})
}

func FuzzReader(f *testing.F) {
	logtest.Seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = append(bytes.ReplaceAll(raw, []byte{'`'}, nil), " "+logtest.Literal+"\n261126 12:14:36\t     5 Query\tselect a\n"...)
		r := New(bytes.NewReader(raw), tokyo)
		lines := uint64(bytes.Count(raw, []byte{'\n'}) + 1)
		last := uint64(0)
		for _, s := range logtest.ReadAll(t, r.Next) {
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
