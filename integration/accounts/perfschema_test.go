// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/perfschema"
	"github.com/spanbridge/spanbridge/compare/settings"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// setUp switches on what Performance Schema needs, for the time of the test.
func setUp(t *testing.T, db *sql.DB) {
	t.Helper()
	s, err := settings.Open(t.Context(), db, t.TempDir()+"/state.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Restore(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := perfschema.Setup(t.Context(), s, db); err != nil {
		t.Fatal(err)
	}
}

func performanceSchema(t *testing.T, db *sql.DB) (stop func() *compare.Listing) {
	t.Helper()
	return collecting(t, func(ctx context.Context) (compare.Account, error) {
		return perfschema.Open(ctx, db, perfschema.Options{})
	})
}

// TestPerformanceSchemaTellsWhatClientsDid: all of it, in rings that are large enough for what comes between two readings.
func TestPerformanceSchemaTellsWhatClientsDid(t *testing.T) {
	const old = "mysql 5.6"
	all := maps.Clone(products)
	all[old] = servers.MySQL56
	for name, start := range all {
		t.Run(name, func(t *testing.T) {
			s := started(t, start, "--performance-schema=ON", "--performance-schema-events-statements-history-long-size=10000")
			db := handle(t, s)
			setUp(t, db)
			stop := performanceSchema(t, db)
			journal := mixed(t, s, "mixed:statements=4000,connections=4")
			l := ofJournal(journal, stop())
			v := compare.Judge(journal, l, compare.Window{To: 1 << 62})
			if name != old {
				complete(t, journal, l, v)
			} else if n := len(journal.Statements); v.Matched < n-n/100 || len(l.Statements) < n {
				// Of two executions next to each other nothing tells which is which.
				t.Errorf("%d of %d matched, %d told", v.Matched, n, len(l.Statements))
			}
			for _, loss := range l.Losses { // the load makes its tables on connections of their own
				if loss.Why != perfschema.WhyUnnamed || loss.Count > 10 {
					t.Errorf("loss %+v", loss)
				}
			}
			for _, f := range v.Fields {
				t.Logf("%s: %d equal, %d differ, %d only told by clients", f.Field, f.Equal, f.Differ, f.OnlyA)
				for _, e := range f.Examples {
					t.Errorf("%s differs: clients %+v, server %+v", f.Field, journal.Statements[e.A], l.Statements[e.B])
				}
			}
			for _, o := range v.Offsets {
				if d := o.Duration(); max(d, -d) > 20*time.Millisecond {
					t.Errorf("the clock is off by %v for %d statements", d, o.Pairs)
				}
			}
			t.Logf("latency %+v, offsets %+v", v.Latency, v.Offsets)
			if v.Latency.Pairs < len(journal.Statements)*9/10 || v.Latency.Ratio < 0.05 || v.Latency.Ratio > 1.2 {
				t.Errorf("durations %+v", v.Latency)
			}
			inner := slices.ContainsFunc(l.Statements, func(s compare.Statement) bool { return s.Kind == compare.Inner })
			if !inner && name != old {
				t.Error("no statement of a procedure is told")
			}
		})
	}
}

func complete(t *testing.T, journal, l *compare.Listing, v *compare.Verdict) {
	t.Helper()
	for _, m := range v.MissingA {
		t.Errorf("clients know nothing of %d statements (%s), such as %+v", m.Count, m.Reason, l.Statements[m.Examples[0]])
	}
	for _, m := range v.MissingB {
		t.Errorf("%d statements are missing (%s), such as %+v", m.Count, m.Reason, journal.Statements[m.Examples[0]])
	}
}

// TestAHistoryThatIsTooSmallIsFound: each statement is told or counted as lost, and each that is missing lies
// where one was lost.
func TestAHistoryThatIsTooSmallIsFound(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, "--performance-schema=ON", "--performance-schema-events-statements-history-long-size=10")
			db := handle(t, s)
			setUp(t, db)
			stop := performanceSchema(t, db)
			journal := mixed(t, s, "mixed:statements=2000,connections=3")
			tooSmall(t, journal, stop())
		})
	}
}

// torn is how many rows may be of two statements although two readings found the same: a thread of the server that has to wait for a
// CPU while it copies one leaves it half and half for as long. Of some thirty runs on a busy machine one had a statement too few.
const torn = 2

func tooSmall(t *testing.T, journal, all *compare.Listing) {
	t.Helper()
	told, lost := 0, uint64(0)
	for _, s := range all.Statements {
		if s.Kind.Counts() {
			told++
		}
	}
	connections := make(map[uint64]bool)
	for _, l := range all.Losses {
		lost += l.Count
		connections[l.Connection] = true
		if l.Why != perfschema.WhyOverwritten && l.Why != perfschema.WhyUnnamed || l.To < l.From || l.Count == 0 {
			t.Errorf("loss %+v", l)
		}
	}
	// The load makes and removes its tables, on connections that the journal does not have.
	n := len(journal.Statements)
	others := told + int(lost) - n
	t.Logf("%d statements, %d told, %d lost in %d stretches of %d connections", n, told, lost, len(all.Losses), len(connections))
	if lost < uint64(n)/10 || others < 0 || others > 40 {
		t.Errorf("%d told and %d lost are not the %d of the journal and a few others", told, lost, n)
	}
	l := ofJournal(journal, all)
	v := compare.Judge(journal, l, compare.Window{To: 1 << 62})
	missing := 0
	for _, m := range v.MissingB {
		missing += m.Count
		// Connections of the load's own that came and went lose some at the same time.
		if m.Reason != perfschema.WhyOverwritten && m.Reason != perfschema.WhyUnnamed && m.Count > torn {
			e := journal.Statements[m.Examples[0]]
			t.Errorf("%d are missing, %s, such as %+v", m.Count, m.Reason, e)
		}
	}
	for _, m := range v.MissingA {
		if m.Count > torn {
			t.Errorf("clients know nothing of %d (%s), such as %+v", m.Count, m.Reason, l.Statements[m.Examples[0]])
		}
	}
	if v.Matched+missing != n {
		t.Errorf("%d matched, %d missing of %d; told beside %+v", v.Matched, missing, n, v.MissingA)
	}
}
