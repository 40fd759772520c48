// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile/logtest"
)

func FuzzReader(f *testing.F) {
	logtest.Seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = bytes.ReplaceAll(raw, []byte{'`'}, nil)
		raw = append(raw, " "+logtest.Literal+";\n# Time: 2024-05-10T17:45:13.000000Z\n"...)
		r := New(bytes.NewReader(raw), Options{})
		lines := uint64(bytes.Count(raw, []byte{'\n'}) + 1)
		last := uint64(0)
		for _, s := range logtest.ReadAll(t, r.Next) {
			if s.Ref <= last || s.Ref > lines {
				t.Fatalf("line %d after line %d of %d", s.Ref, last, lines)
			}
			last = s.Ref
			if strings.Contains(s.Text, logtest.Literal) || !utf8.ValidString(s.Text+s.User+s.Database) {
				t.Fatalf("text %q, user %q, database %q", s.Text, s.User, s.Database)
			}
		}
		if r.Damaged() > 2*lines {
			t.Fatalf("%d of %d lines are damaged", r.Damaged(), lines)
		}
		r.Nature()
		r.Losses()
	})
}

func TestMemoryIsBoundedWhateverTheLogHolds(t *testing.T) {
	head := "# Time: 2024-05-10T17:45:13.000000Z\n# User@Host: app[app] @ localhost []  Id:     1\n" +
		"# Query_time: 0.500000  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 0\nSET timestamp=1715363117;\n"
	for name, unit := range map[string]string{
		"one long line":             "0123456789, ",
		"a statement of many lines": "select 1,\n",
		"heads without a text":      head,
		"lines that begin a head":   "# User@Host: app[app] @ localhost []  Id:     1\n",
		"banners":                   "/usr/sbin/mysqld, Version: 8.0.36 (MySQL). started with:\n",
	} {
		t.Run(name, func(t *testing.T) {
			const size = 64 << 20
			r := New(io.MultiReader(strings.NewReader(head), repeat(unit, size), strings.NewReader("\n"+head+"select 1;\n")), Options{})
			var s compare.Statement
			var most uint64
			n := 0
			for ; ; n++ {
				if err := r.Next(&s); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if n%100_000 == 0 {
					most = max(most, heap())
				}
			}
			if most = max(most, heap()); most > 32<<20 || n == 0 || s.Text != "select ?" {
				t.Errorf("%d statements, the last %q, heap of %d MiB", n, s.Text, most>>20)
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// repeat reads a text again and again.
func repeat(unit string, size int64) io.Reader {
	return io.LimitReader(&repeater{unit: strings.Repeat(unit, 1+4096/len(unit))}, size/int64(len(unit))*int64(len(unit)))
}

type repeater struct {
	unit string
	at   int
}

func (r *repeater) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], r.unit[r.at:])
		n += c
		r.at = (r.at + c) % len(r.unit)
	}
	return n, nil
}

func TestReadingDoesNotAllocateForStatementsOfTextsThatAreKnown(t *testing.T) {
	raw, err := os.ReadFile("testdata/mysql97_extra.log")
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.Repeat(raw, 1000)
	allocations := testing.AllocsPerRun(3, func() {
		r := New(bytes.NewReader(raw), Options{})
		var s compare.Statement
		for r.Next(&s) == nil {
		}
	})
	if perStatement := allocations / 3000; perStatement > 0.05 {
		t.Errorf("%.2f allocations for a statement", perStatement)
	}
}
