// SPDX-License-Identifier: Apache-2.0

package errorlog

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spanbridge/spanbridge/compare/logfile/logtest"
)

var tokyo = time.FixedZone("", 9*3600)

func TestEveryFormTellsWhatItSays(t *testing.T) {
	logtest.Golden(t, 5, func(t *testing.T, raw io.Reader) []byte {
		var b bytes.Buffer
		r := New(raw, tokyo)
		for _, m := range logtest.ReadAll(t, r.Next) {
			fmt.Fprintf(&b, "%d %s %s of %d within %v, code %q, subsystem %q, SQLSTATE %q, and %d lines: %s\n", m.Ref, m.Severity,
				time.Unix(0, m.At).UTC().Format("2006-01-02T15:04:05.000000"), m.Connection, m.Resolution, m.Code, m.Subsystem,
				m.SQLState, m.Lines, m.Text)
		}
		fmt.Fprintf(&b, "damaged lines %d\n", r.Damaged())
		return b.Bytes()
	})
}

func FuzzReader(f *testing.F) {
	logtest.Seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = append(raw, " "+logtest.Literal+"\n2026-11-26  2:14:37 4 [Note] end\n"...)
		r := New(bytes.NewReader(raw), tokyo)
		last, lines := uint64(0), 0
		for _, m := range logtest.ReadAll(t, r.Next) {
			if m.Ref <= last {
				t.Fatalf("line %d after line %d", m.Ref, last)
			}
			last = m.Ref
			lines += 1 + m.Lines
			if strings.Contains(m.Text, logtest.Literal) || !utf8.ValidString(m.Text+m.Code+m.Subsystem+m.SQLState) || len(m.Text) > 512 {
				t.Fatalf("%+v", m)
			}
		}
		if all := bytes.Count(raw, []byte{'\n'}); uint64(lines)+r.Damaged() != uint64(all) {
			t.Fatalf("%d lines are told and %d damaged, of %d", lines, r.Damaged(), all)
		}
	})
}
