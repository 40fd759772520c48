// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var kinds = map[compare.Kind]string{
	compare.Query: "query", compare.Execute: "execute", compare.Inner: "inner", compare.Other: "other",
}

// render writes what an account tells, one statement a line.
func render(l *compare.Listing, damaged uint64) []byte {
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
		compare.FieldError: s.Error, compare.FieldRowsSent: s.Sent, compare.FieldRowsAffected: s.Affected,
		compare.FieldRowsExamined: s.Examined, compare.FieldDatabase: fmt.Sprintf("%q", s.Database), compare.FieldUser: s.User,
	}[f]
}

func TestEveryFormTellsWhatItSays(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) < 7 {
		t.Fatal(logs, err)
	}
	for _, name := range logs {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			r := New(iotest.HalfReader(bytes.NewReader(raw)), Options{})
			l, err := compare.Collect(r, 1000)
			if err != nil {
				t.Fatal(err)
			}
			got := render(l, r.Damaged())
			golden := strings.TrimSuffix(name, ".log") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
			if bytes.Contains(got, []byte("secret")) || bytes.Contains(got, []byte("47114")) {
				t.Error("a literal is still there")
			}
		})
	}
}
