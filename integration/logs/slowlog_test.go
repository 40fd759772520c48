// SPDX-License-Identifier: Apache-2.0

//go:build integration

package logs

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/slowlog"
)

// mostStatements is more than any test here makes.
const mostStatements = 100_000

// followed reads a log while it is written, until it is told to stop.
func followed(t *testing.T, path string, account func(*logfile.Tail) compare.Account) (stop func() *compare.Listing) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	tail, err := logfile.Follow(ctx, path, false)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan *compare.Listing, 1)
	go func() {
		l, err := compare.Collect(account(tail), mostStatements)
		if err != nil {
			t.Error(err)
		}
		done <- l
	}()
	return func() *compare.Listing { cancel(); return <-done }
}

func TestSlowLogsTellWhatClientsDid(t *testing.T) {
	for _, p := range products {
		t.Run(p.name, func(t *testing.T) {
			s, db := p.server(t)
			setUp(t, db)
			var reader *slowlog.Reader
			stop := followed(t, slowPath(s), func(tail *logfile.Tail) compare.Account {
				reader = slowlog.New(tail, slowlog.Options{})
				return reader
			})
			j := &journal{}
			began := time.Now()
			work(t, j, db, func() { // rotated as logrotate does it
				if err := os.Rename(slowPath(s), slowPath(s)+".1"); err != nil {
					t.Error(err)
				}
				if _, err := db.ExecContext(t.Context(), "FLUSH SLOW LOGS"); err != nil {
					t.Error(err)
				}
			})
			l := stop()
			if l.Nature.Resolution != p.resolution || l.Nature.SkipsUnparsed == p.parsesAll || reader.Damaged() > 0 {
				t.Errorf("%+v, %d damaged lines", l.Nature, reader.Damaged())
			}
			plausible(t, judge(t, &p, j, l), j, l)
			t.Run("table", func(t *testing.T) {
				table, err := slowlog.OpenTable(t.Context(), db, began, slowlog.Options{})
				if err != nil {
					t.Fatal(err)
				}
				l, err := compare.Collect(table, mostStatements)
				if err != nil {
					t.Fatal(err)
				}
				l.Statements = slices.DeleteFunc(l.Statements, func(s compare.Statement) bool { return s.Start < began.UnixNano() })
				plausible(t, judge(t, &p, j, l), j, l)
			})
		})
	}
}

// TestATruncatedSlowLogTellsWhatItMayLack: what is cut before it was read is missing for
// that reason, and nothing is missing for any other.
func TestATruncatedSlowLogTellsWhatItMayLack(t *testing.T) {
	p := &products[0]
	s, db := p.server(t)
	setUp(t, db)
	j := &journal{}
	ctx, cancel := context.WithCancel(t.Context())
	tail, err := logfile.Follow(ctx, slowPath(s), false)
	if err != nil {
		t.Fatal(err)
	}
	r := slowlog.New(tail, slowlog.Options{})
	c := j.client(t, db)
	const statements = 20
	phase := func(n int) {
		for i := range statements {
			c.query(fmt.Sprintf("SELECT 'secret' AS number_%d_of_phase_%d", i, n))
		}
	}
	phase(0)
	var first compare.Statement
	if err := r.Next(&first); err != nil {
		t.Fatal(err)
	}
	phase(1)
	if err := os.Truncate(slowPath(s), 0); err != nil { // before that was read
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // the stamps have whole seconds
	phase(2)
	cancel()
	l, err := compare.Collect(r, mostStatements)
	if err != nil {
		t.Fatal(err)
	}
	reference := j.listing()
	v := compare.Judge(reference, l, compare.Window{From: 0, To: 1 << 62})
	// Servers log after they have answered: of each phase the last one may be cut, too.
	if v.Matched < 2*statements-2 || len(v.MissingB) != 1 || v.MissingB[0].Reason != logfile.WhyTruncated {
		t.Errorf("matched %d, missing %+v, losses %+v", v.Matched, v.MissingB, l.Losses)
	}
}
