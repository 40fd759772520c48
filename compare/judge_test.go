// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mixed is a load with errors, databases and rows.
func mixed(r *rand.Rand) []Statement {
	truth := loads[0].truth(r)
	for i := range truth {
		s := &truth[i]
		s.Has |= FieldsOf(FieldError, FieldDatabase, FieldRowsSent)
		s.Database, s.Sent = "shop", uint64(r.IntN(100))
		if i%10 == 0 {
			s.Error = 1146
		}
	}
	return truth
}

func whole24h() Window { return Window{From: epoch - 12*3600e9, To: epoch + 12*3600e9} }

func missingBy(all []Missing, reason Reason) int {
	for _, m := range all {
		if m.Reason == reason {
			return m.Count
		}
	}
	return 0
}

func TestWhatAnAccountLacksHasItsReason(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	truth := mixed(r)
	const threshold = 3 * time.Millisecond
	lostFrom, lostTo := truth[50].Start, truth[80].Start
	short, lost := 0, 0
	b := account(r, truth, jitter, func(s *Statement) bool {
		switch {
		case s.Connection == truth[50].Connection && lostFrom <= s.Start && s.Start <= lostTo:
			lost++
			return true
		case s.Duration < threshold:
			short++
			return true
		}
		return false
	})
	b.Nature = Nature{Name: "slowlog", MinDuration: threshold}
	b.Losses = []Loss{{Connection: truth[50].Connection, From: lostFrom - 1e6, To: lostTo + 1e6, Why: "rotated away"}}
	b.Statements = append(b.Statements, b.Statements[3])

	v := Judge(account(r, truth, 0, nil), b, whole24h())
	if got := missingBy(v.MissingB, ReasonShort); got != short {
		t.Errorf("%d are told to be below the threshold, want %d", got, short)
	}
	if got := missingBy(v.MissingB, "rotated away"); got != lost {
		t.Errorf("%d are told to be lost, want %d", got, lost)
	}
	if v.UnknownB != 0 || v.UnknownA != 0 {
		t.Errorf("%d and %d are unexplained, want none", v.UnknownA, v.UnknownB)
	}
	if got := missingBy(v.MissingA, ReasonTwice); got != 1 {
		t.Errorf("%d are told to be there twice, want 1", got)
	}
}

// A client's clock runs longer than the server's, whose threshold is for its own.
func TestAThresholdIsForTheAccountsOwnDuration(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	truth := mixed(r)
	const threshold, between = 2 * time.Millisecond, 200 * time.Microsecond
	own := account(r, truth, jitter, nil)
	b := &Listing{Nature: Nature{Name: "slowlog", MinDuration: threshold}}
	near := 0
	for _, s := range own.Statements {
		if s.Duration -= between; s.Duration >= threshold {
			b.Statements = append(b.Statements, s)
		} else if s.Duration+between >= threshold {
			near++
		}
	}
	a := account(r, truth, 0, nil)
	v := Judge(a, b, whole24h())
	if near == 0 || v.UnknownB != 0 || missingBy(v.MissingB, ReasonShort) != len(truth)-len(b.Statements) {
		t.Errorf("%d are near the threshold; unexplained: %d, %+v, want all to be short", near, v.UnknownB, v.MissingB)
	}
	if v = Judge(b, a, whole24h()); v.UnknownA != 0 {
		t.Errorf("unexplained the other way round: %d, want none", v.UnknownA)
	}
}

// TestStatementsThatAreStampedLateAreNoOtherClock: as those are that come behind others in one packet.
func TestStatementsThatAreStampedLateAreNoOtherClock(t *testing.T) {
	a, b := &Listing{}, &Listing{}
	for i := range 3000 {
		one := Statement{
			Has: FieldsOf(FieldText, FieldDuration), Connection: uint64(i % 3), Text: fmt.Sprintf("SELECT %d", i/40*40+i%3),
			Start: epoch + int64(i)*200e3, Duration: 150 * time.Microsecond,
		}
		a.Statements = append(a.Statements, one)
		if i%30 == 0 {
			one.Start -= 500e3
		}
		b.Statements = append(b.Statements, one)
	}
	v := Judge(a, b, whole24h())
	if len(v.Offsets) != 1 || v.Matched != 3000 || v.Offsets[0].Ns != 0 || v.Offsets[0].Pairs != v.Matched {
		t.Errorf("%d of 3000 matched, offsets %+v", v.Matched, v.Offsets)
	}
}

// TestALossExplainsNoMoreThanItsCount: what an account knows to have lost is no excuse for
// what it does not know of.
func TestALossExplainsNoMoreThanItsCount(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	truth := mixed(r)
	b := account(r, truth, jitter, func(s *Statement) bool { return s.Ref >= 100 && s.Ref < 120 })
	b.Losses = []Loss{{From: 0, To: epoch * 2, Count: 5, Why: "the ring was full"}}
	v := Judge(account(r, truth, jitter, nil), b, whole24h())
	if got := missingBy(v.MissingB, "the ring was full"); got != 5 || v.UnknownB != 15 {
		t.Errorf("%d are told to be lost, want 5; %d are unexplained, want 15", got, v.UnknownB)
	}
}

// TestLossesExplainAsManyAsTheyCan: one that covers more is not used up for what another one covers as well.
func TestLossesExplainAsManyAsTheyCan(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	truth := mixed(r)
	b := account(r, truth, 0, func(s *Statement) bool { return s.Ref >= 100 && s.Ref < 120 })
	starts := make([]int64, 0, 20)
	for i := range truth {
		if truth[i].Ref >= 100 && truth[i].Ref < 120 {
			starts = append(starts, truth[i].Start)
		}
	}
	slices.Sort(starts)
	b.Losses = []Loss{
		{To: epoch * 2, Count: 10, Why: "at any time"},
		{To: starts[9] + 1000, Count: 10, Why: "before"},
	}
	v := Judge(account(r, truth, 0, nil), b, whole24h())
	if early, late := missingBy(v.MissingB, "before"), missingBy(v.MissingB, "at any time"); early != 10 || late != 10 || v.UnknownB > 0 {
		t.Errorf("%d and %d are told to be lost, want 10 of each; %d are unexplained", early, late, v.UnknownB)
	}
}

// TestAThirdAccountTellsWhatWasShort: a client sees statements for longer than the server's slow log, which leaves
// them out; another account of the server knows how long they took there.
func TestAThirdAccountTellsWhatWasShort(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	truth := mixed(r)
	const threshold = 3 * time.Millisecond
	client, server := account(r, truth, 0, nil), account(r, truth, 0, nil)
	for i := range client.Statements {
		if i%20 == 3 {
			client.Statements[i].Duration += 10 * time.Millisecond
		}
	}
	log := account(r, truth, 0, func(s *Statement) bool { return s.Duration < threshold })
	log.Nature.MinDuration = threshold
	if v := Judge(client, log, whole24h()); v.UnknownB == 0 {
		t.Fatal("the client's durations explain everything")
	}
	client.Corroborate(server, Judge(client, server, whole24h()).Pairs)
	if v := Judge(client, log, whole24h()); v.UnknownB != 0 {
		t.Errorf("%d are unexplained: %+v", v.UnknownB, v.MissingB)
	}
}

func TestWhatNothingExplainsIsUnexplained(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	truth := mixed(r)
	v := Judge(account(r, truth, jitter, nil), account(r, truth, jitter, func(s *Statement) bool { return s.Ref == 77 || s.Ref == 78 }), whole24h())
	if v.UnknownB != 2 || len(v.MissingB) != 1 || len(v.MissingB[0].Examples) != 2 {
		t.Errorf("unexplained: %d, want 2; %+v", v.UnknownB, v.MissingB)
	}
}

func TestStatementsAtTheEdgesAreNotHeldAgainstAnAccount(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	truth := mixed(r)
	first, last := truth[0].Start, truth[0].Start
	for _, s := range truth {
		first, last = min(first, s.Start), max(last, s.Start)
	}
	truth[40].Duration = time.Duration(last - truth[40].Start) // it ends at the edge
	cut := func(s *Statement) bool { return s.Start > last-300e6 || s.Ref == 40 }
	v := Judge(account(r, truth, jitter, nil), account(r, truth, jitter, cut), Window{From: first, To: last, Margin: 300 * time.Millisecond})
	if v.UnknownB != 0 || missingBy(v.MissingB, ReasonEdge) == 0 {
		t.Errorf("missing: %+v, want all at the edge", v.MissingB)
	}
}

func TestFieldsThatDifferAreCountedAndShown(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	truth := mixed(r)
	a, b := account(r, truth, 0, nil), account(r, truth, 0, nil)
	for i := range b.Statements {
		b.Statements[i].Has &^= FieldsOf(FieldRowsSent)
		if i%100 == 7 {
			b.Statements[i].Error++
		}
	}
	n, wrong := len(truth), (len(truth)+92)/100
	for _, f := range Judge(a, b, whole24h()).Fields {
		want := FieldVerdict{Field: f.Field, Neither: n}
		switch f.Field {
		case FieldError:
			want = FieldVerdict{Field: f.Field, Equal: n - wrong, Differ: wrong}
		case FieldRowsSent:
			want = FieldVerdict{Field: f.Field, OnlyA: n}
		case FieldText, FieldDatabase:
			want = FieldVerdict{Field: f.Field, Equal: n}
		}
		if f.Differ > 0 && len(f.Examples) != min(f.Differ, maxExamples) {
			t.Errorf("%v: %d examples of %d", f.Field, len(f.Examples), f.Differ)
		}
		f.Examples = nil
		if f.Equal != want.Equal || f.Differ != want.Differ || f.OnlyA != want.OnlyA || f.OnlyB != want.OnlyB || f.Neither != want.Neither {
			t.Errorf("%v: %+v, want %+v", f.Field, f, want)
		}
	}
}

func TestAnAccountOfWholeSecondsIsAligned(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		a, b := account(r, truth, jitter, nil), account(r, truth, jitter, randomly(r, 0.1))
		b.Nature.Resolution = time.Second
		for i := range b.Statements {
			s := &b.Statements[i]
			s.Start -= s.Start % 1e9
			s.Has &^= FieldsOf(FieldDuration)
		}
		got := Align(a, b)
		if len(got.Pairs) != len(b.Statements) || len(got.OnlyB) != 0 {
			t.Errorf("%d pairs and %d of B alone, want %d and none", len(got.Pairs), len(got.OnlyB), len(b.Statements))
		}
	})
}

func TestATextThatWasCutIsTheSame(t *testing.T) {
	has := FieldsOf(FieldText)
	full := Statement{Has: has, Text: "insert into t values (?, ?)"}
	for cut, want := range map[string]bool{
		"insert into t\u2026": true, "insert into t values (?, ?), (\u2026": true, "insert into u\u2026": false, "": true,
	} {
		s := Statement{Has: has, Cut: true, Text: cut}
		if got := sameText(&full, &s); got != want {
			t.Errorf("%q: %v, want %v", cut, got, want)
		}
		if got := sameText(&s, &full); got != want {
			t.Errorf("%q, other way round: %v, want %v", cut, got, want)
		}
	}
}

func TestAnAccountThatLeavesOutWhatDoesNotParseLacksItForThatReason(t *testing.T) {
	has := FieldsOf(FieldText, FieldError)
	a, b := &Listing{}, &Listing{Nature: Nature{SkipsUnparsed: true}}
	for i := range int64(20) {
		s := Statement{Has: has, Connection: 1, Start: i * int64(time.Second), Text: "SELECT ?"}
		if i%5 == 0 {
			s.Text, s.Error = "SELEC ?", errParse
		} else if i != 7 {
			b.Statements = append(b.Statements, s)
		}
		a.Statements = append(a.Statements, s)
	}
	v := Judge(a, b, Window{From: -1, To: 1 << 62})
	want := []Missing{{ReasonUnparsed, 4, []int{0, 5, 10, 15}}, {ReasonUnknown, 1, []int{7}}}
	if diff := cmp.Diff(want, v.MissingB); diff != "" {
		t.Error(diff)
	}
}
