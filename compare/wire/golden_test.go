// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile/logtest"
)

// TestCapturesAreReadAsTheyWere: each was made with tcpdump of one client after the other: one that was connected
// before, one that does a little of everything, one with a wrong password, one with TLS (which
// this MariaDB has not), one that compresses, and a command-line client.
func TestCapturesAreReadAsTheyWere(t *testing.T) {
	logtest.Golden(t, 2, func(t *testing.T, r io.Reader) []byte {
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		_, tuples := packetsOf(t, raw)
		for i, connection := range []func(netip.AddrPort) uint64{nil, func(netip.AddrPort) uint64 { return 3 }} {
			if i > 0 {
				fmt.Fprintln(&out, "\nOnce the number of the first connection is known:")
			}
			l := listing(t, bytes.NewReader(raw), Options{Port: tuples.port, Connection: connection})
			for j := range l.Statements {
				if s := &l.Statements[j]; i == 0 || s.Connection == 3 {
					fmt.Fprintf(&out, "%d: %s\n", s.Ref, told(s))
				}
			}
			for _, l := range l.Losses {
				fmt.Fprintf(&out, "lost: connection %d, %d statements: %s\n", l.Connection, l.Count, l.Why)
			}
		}
		return out.Bytes()
	})
}

// listing reads an account to its end.
func listing(t testing.TB, r io.Reader, o Options) *compare.Listing {
	t.Helper()
	l, err := compare.Collect(New(r, o), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// told renders what the account tells of a statement, but for times.
func told(s *compare.Statement) string {
	words := []string{[]string{"Query", "Execute", "Inner", "Other"}[s.Kind], fmt.Sprint(s.Connection)}
	add := func(f compare.Field, name string, value any) {
		if s.Has.Has(f) {
			words = append(words, fmt.Sprint(name, value))
		}
	}
	add(compare.FieldError, "error=", s.Error)
	add(compare.FieldSQLState, "state=", s.SQLState)
	add(compare.FieldRowsSent, "sent=", s.Sent)
	add(compare.FieldRowsAffected, "affected=", s.Affected)
	add(compare.FieldDatabase, "db=", s.Database)
	add(compare.FieldUser, "user=", s.User)
	if s.Has.Has(compare.FieldText) {
		words = append(words, fmt.Sprintf("%q", s.Text))
	}
	if s.Cut {
		words = append(words, "cut")
	}
	return strings.Join(words, " ")
}
