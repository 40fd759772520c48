// SPDX-License-Identifier: Apache-2.0

package errorlog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

var tokyo = time.FixedZone("", 9*3600)

func readAll(t *testing.T, r *Reader) (all []Message) {
	t.Helper()
	for {
		var m Message
		if err := r.Next(&m); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
}

func TestEveryFormTellsWhatItSays(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) < 5 {
		t.Fatal(logs, err)
	}
	for _, name := range logs {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			r := New(iotest.HalfReader(bytes.NewReader(raw)), tokyo)
			for _, m := range readAll(t, r) {
				fmt.Fprintf(&b, "%d %s %s of %d within %v, code %q, subsystem %q, SQLSTATE %q, and %d lines: %s\n", m.Ref, m.Severity,
					time.Unix(0, m.At).UTC().Format("2006-01-02T15:04:05.000000"), m.Connection, m.Resolution, m.Code, m.Subsystem,
					m.SQLState, m.Lines, m.Text)
			}
			fmt.Fprintf(&b, "damaged lines %d\n", r.Damaged())
			golden := strings.TrimSuffix(name, ".log") + ".golden"
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Error(diff)
			}
			if bytes.Contains(b.Bytes(), []byte("secret")) || bytes.Contains(b.Bytes(), []byte("47114")) {
				t.Error("a literal is still there")
			}
		})
	}
}

// literal is one in every message: a word with a digit.
const literal = "9zq7literal"

func FuzzReader(f *testing.F) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range logs {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = append(raw, " "+literal+"\n2026-11-26  2:14:37 4 [Note] end\n"...)
		r := New(bytes.NewReader(raw), tokyo)
		last, lines := uint64(0), 0
		for _, m := range readAll(t, r) {
			if m.Ref <= last {
				t.Fatalf("line %d after line %d", m.Ref, last)
			}
			last = m.Ref
			lines += 1 + m.Lines
			if strings.Contains(m.Text, literal) || !utf8.ValidString(m.Text+m.Code+m.Subsystem+m.SQLState) || len(m.Text) > 512 {
				t.Fatalf("%+v", m)
			}
		}
		if all := bytes.Count(raw, []byte{'\n'}); uint64(lines)+r.Damaged() != uint64(all) {
			t.Fatalf("%d lines are told and %d damaged, of %d", lines, r.Damaged(), all)
		}
	})
}
