// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestDurationsTellWhatWholeSecondsDoNot: of many statements of one text within a second, those that an account
// lacks are found by the durations of the others, or else it is told that pairs are right by count only.
func TestDurationsTellWhatWholeSecondsDoNot(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	w := load{connections: 2, each: 1500, texts: 1, duration: 2 * time.Millisecond, gap: time.Millisecond}
	a := account(r, w.truth(r), 0, nil)
	b := account(r, a.Statements, 0, randomly(r, 0.1))
	for i := range b.Statements {
		s := &b.Statements[i]
		s.Start -= s.Start % 1e9
		s.Duration += time.Duration(r.IntN(3000)) * time.Nanosecond
	}
	a.Nature.Fields, b.Nature = a.Statements[0].Has, Nature{Resolution: time.Second, Fields: a.Statements[0].Has}
	right := func() (n int, al *Alignment) {
		al = Align(a, b)
		for _, p := range al.Pairs {
			if a.Statements[p.A].Ref == b.Statements[p.B].Ref {
				n++
			}
		}
		return n, al
	}
	n, al := right()
	if len(al.Pairs) != len(b.Statements) || 100*n < 98*len(al.Pairs) || al.Ambiguous != 0 {
		t.Errorf("of %d statements %d are paired, %d of them rightly, %d ambiguously", len(b.Statements), len(al.Pairs), n, al.Ambiguous)
	}
	for i := range b.Statements {
		b.Statements[i].Has &^= FieldsOf(FieldDuration)
	}
	b.Nature.Fields &^= FieldsOf(FieldDuration)
	n, al = right()
	if len(al.Pairs) != len(b.Statements) || al.Ambiguous < len(al.Pairs)-n {
		t.Errorf("of %d statements %d are paired, %d of them rightly, %d are told to be ambiguous", len(b.Statements), len(al.Pairs), n, al.Ambiguous)
	}
}

// TestOrderTellsWhatWholeSecondsDoNot: where other texts are in between, nothing is ambiguous.
func TestOrderTellsWhatWholeSecondsDoNot(t *testing.T) {
	a, b := &Listing{}, &Listing{Nature: Nature{Resolution: time.Second}}
	for i := range 1000 {
		text := "COMMIT"
		if i%2 == 0 {
			text = "SELECT " + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		}
		s := Statement{Connection: 1, Start: epoch + int64(i)*1e6, Text: text, Has: FieldsOf(FieldText), Ref: uint64(i)}
		a.Statements = append(a.Statements, s)
		s.Start -= s.Start % 1e9
		if i%50 != 7 {
			b.Statements = append(b.Statements, s)
		}
	}
	if al := mustTell(t, a, b); al.Ambiguous != 0 {
		t.Errorf("%d are told to be ambiguous", al.Ambiguous)
	}
}
