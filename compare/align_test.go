// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// load says what statements a test makes up.
type load struct {
	name        string
	connections int
	each        int // statements a connection
	texts       int
	duration    time.Duration // on average
	gap         time.Duration // on average, between statements
	periodic    bool          // gaps and durations are always the same
}

var loads = []load{
	{name: "quiet, many texts", connections: 3, each: 200, texts: 150, duration: 2 * time.Millisecond, gap: 100 * time.Millisecond},
	{name: "one text, dense", connections: 4, each: 1000, texts: 1, duration: 60 * time.Microsecond, gap: 500 * time.Microsecond},
	{name: "few texts, dense", connections: 8, each: 600, texts: 5, duration: 200 * time.Microsecond, gap: 300 * time.Microsecond},
}

// A load that is the same at every moment looks the same at any offset of the clocks, so
// that the smallest is taken.
var periodic = load{name: "one text, periodic", connections: 2, each: 500, texts: 1, duration: 5 * time.Millisecond, gap: 5 * time.Millisecond, periodic: true}

// epoch is when what a test makes up happens.
var epoch = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC).UnixNano()

// truth makes up what happened. Ref is the number of the statement.
func (w load) truth(r *rand.Rand) []Statement {
	draw := func(mean time.Duration) int64 {
		if w.periodic {
			return int64(mean)
		}
		return int64(float64(mean) * (0.2 + r.ExpFloat64()))
	}
	var all []Statement
	for c := range w.connections {
		at := epoch + draw(w.gap)
		for range w.each {
			d := draw(w.duration)
			all = append(all, Statement{
				Connection: uint64(c + 1), Start: at, Duration: time.Duration(d), Has: FieldsOf(FieldText, FieldDuration),
				Text: fmt.Sprintf("select %c from t where a = ?", 'a'+r.IntN(w.texts)), Ref: uint64(len(all)),
			})
			at += d + draw(w.gap)
		}
	}
	return all
}

// account tells of what happened, with a jitter of up to that in its stamps, and without
// what is dropped.
func account(r *rand.Rand, truth []Statement, jitter time.Duration, drop func(*Statement) bool) *Listing {
	l := &Listing{}
	for _, s := range truth {
		if drop != nil && drop(&s) {
			continue
		}
		s.Start += int64(r.Float64() * float64(jitter))
		l.Statements = append(l.Statements, s)
	}
	return l
}

func randomly(r *rand.Rand, share float64) func(*Statement) bool {
	return func(*Statement) bool { return r.Float64() < share }
}

func shift(l *Listing, by time.Duration, from int64) {
	for i := range l.Statements {
		if l.Statements[i].Start >= from {
			l.Statements[i].Start += int64(by)
		}
	}
}

// refs lists the numbers of statements, in order.
func refs(l *Listing, indexes []int) []uint64 {
	all := make([]uint64, 0, len(indexes))
	for _, i := range indexes {
		all = append(all, l.Statements[i].Ref)
	}
	slices.Sort(all)
	return all
}

// lacking lists the numbers of the statements of l that other does not have.
func lacking(l, other *Listing) []uint64 {
	has := make(map[uint64]bool)
	for _, s := range other.Statements {
		has[s.Ref] = true
	}
	all := []uint64{}
	for _, s := range l.Statements {
		if !has[s.Ref] {
			all = append(all, s.Ref)
		}
	}
	slices.Sort(all)
	return all
}

// mustTell fails unless an alignment says exactly what is so.
func mustTell(t *testing.T, a, b *Listing) *Alignment {
	t.Helper()
	got := Align(a, b)
	for _, p := range got.Pairs {
		if x, y := a.Statements[p.A].Ref, b.Statements[p.B].Ref; x != y {
			t.Fatalf("statement %d is taken for %d", x, y)
		}
	}
	if want := lacking(a, b); !slices.Equal(refs(a, got.OnlyA), want) {
		t.Errorf("%d statements are told to be A's alone, want %d", len(got.OnlyA), len(want))
	}
	if want := lacking(b, a); !slices.Equal(refs(b, got.OnlyB), want) {
		t.Errorf("%d statements are told to be B's alone, want %d", len(got.OnlyB), len(want))
	}
	if n := len(got.Pairs) + len(got.OnlyA); n != len(a.Statements) {
		t.Errorf("%d statements of A are accounted for, of %d", n, len(a.Statements))
	}
	return got
}

// forAll runs a test on each load, and others, several times.
func forAll(t *testing.T, test func(t *testing.T, r *rand.Rand, truth []Statement), others ...load) {
	for _, w := range append(others, loads...) {
		t.Run(w.name, func(t *testing.T) {
			for seed := range uint64(3) {
				r := rand.New(rand.NewPCG(seed, 7))
				test(t, r, w.truth(r))
			}
		})
	}
}

const jitter = 20 * time.Microsecond

func TestEqualAccountsHaveEverythingInCommon(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		got := mustTell(t, account(r, truth, jitter, nil), account(r, truth, jitter, nil))
		if len(got.Offsets) != 1 || max(got.Offsets[0].Ns, -got.Offsets[0].Ns) > int64(jitter) {
			t.Errorf("offsets of the clocks: %+v, want one of less than %v", got.Offsets, jitter)
		}
	}, periodic)
}

func TestWhatEitherAccountDropsIsFound(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		mustTell(t, account(r, truth, jitter, randomly(r, 0.1)), account(r, truth, jitter, randomly(r, 0.1)))
	}, periodic)
}

func TestAnAccountOfFewStatementsIsAligned(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		longest := truth[0].Duration
		for _, s := range truth {
			longest = max(longest, s.Duration)
		}
		slow := account(r, truth, jitter, func(s *Statement) bool { return s.Duration < longest/3 })
		shift(slow, time.Hour, 0)
		mustTell(t, account(r, truth, jitter, nil), slow)
	})
}

func TestAClockThatIsOffIsFound(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second, -150 * time.Millisecond} {
		t.Run(off.String(), func(t *testing.T) {
			forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
				a, b := account(r, truth, jitter, randomly(r, 0.05)), account(r, truth, jitter, randomly(r, 0.05))
				shift(b, off, 0)
				got := mustTell(t, a, b)
				if d := got.Offsets[0].Duration() - off; max(d, -d) > jitter {
					t.Errorf("offset %v, want %v", got.Offsets[0].Duration(), off)
				}
			})
		})
	}
}

func TestAClockThatStepsIsFound(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		a, b := account(r, truth, jitter, randomly(r, 0.05)), account(r, truth, jitter, nil)
		last := b.Statements[len(b.Statements)-1].Start
		middle := epoch + (last-epoch)/3
		shift(b, 7*time.Second, middle)
		if got := mustTell(t, a, b); len(got.Offsets) != 2 {
			t.Errorf("offsets %+v, want two", got.Offsets)
		}
	})
}

func TestTheOrderOfAListingDoesNotMatter(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		a, b := account(r, truth, jitter, randomly(r, 0.05)), account(r, truth, jitter, randomly(r, 0.05))
		r.Shuffle(len(b.Statements), func(i, j int) {
			b.Statements[i], b.Statements[j] = b.Statements[j], b.Statements[i]
		})
		mustTell(t, a, b)
	}, periodic)
}

func TestWhatIsToldTwiceIsPairedOnce(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		a, b := account(r, truth, jitter, nil), account(r, truth, jitter, nil)
		var twice int
		for i := 0; i < len(truth); i += 17 {
			b.Statements = append(b.Statements, b.Statements[i])
			twice++
		}
		got := Align(a, b)
		if len(got.Pairs) != len(truth) || len(got.OnlyA) != 0 || len(got.OnlyB) != twice {
			t.Errorf("%d pairs, %d of A alone, %d of B alone, want %d, 0, %d", len(got.Pairs), len(got.OnlyA), len(got.OnlyB), len(truth), twice)
		}
	}, periodic)
}

func TestUnrelatedListingsHaveNothingInCommon(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		odd := func(s *Statement) bool { return s.Ref%2 == 0 }
		even := func(s *Statement) bool { return s.Ref%2 == 1 }
		a, b := account(r, truth, jitter, odd), account(r, truth, jitter, even)
		mustTell(t, a, b)
	})
}

// A busy machine lets a server begin a statement long after its client has sent it, and
// write it to a log long after it has answered.
func TestAStatementThatBeganAndEndedLateIsTheSame(t *testing.T) {
	has := FieldsOf(FieldText, FieldDuration)
	ms := int64(time.Millisecond)
	a, b := &Listing{}, &Listing{}
	for i := range int64(40) {
		s := Statement{Has: has, Connection: 1, Start: i * 1000 * ms, Duration: 100 * time.Millisecond, Text: "SELECT ?"}
		a.Statements = append(a.Statements, s)
		if i == 20 {
			s.Start += 70 * ms
		}
		b.Statements = append(b.Statements, s)
	}
	if al := Align(a, b); len(al.Pairs) != 40 {
		t.Errorf("%d pairs of 40", len(al.Pairs))
	}
	for i := range b.Statements {
		b.Statements[i].Has = FieldsOf(FieldText)
	}
	if al := Align(a, b); len(al.Pairs) != 40 {
		t.Errorf("%d pairs of 40 where one account has no durations", len(al.Pairs))
	}
	for i := range b.Statements {
		b.Statements[i].Has = has
	}
	b.Statements[20].Start += 50 * ms // another one, that shares no time
	if al := Align(a, b); len(al.Pairs) != 39 {
		t.Errorf("%d pairs of 39", len(al.Pairs))
	}
}

// TestWhatHasNoTextIsKnownByWhatCameOfIt: an account has no texts of what was prepared, and a stamp of a text came so
// late that it does not agree.
func TestWhatHasNoTextIsKnownByWhatCameOfIt(t *testing.T) {
	const ms = int64(time.Millisecond)
	has := FieldsOf(FieldText, FieldDuration, FieldError, FieldRowsSent)
	var a, b Listing
	for i := range int64(40) {
		at := 20 * ms * i
		query := Statement{Has: has, Kind: Query, Connection: 1, Start: at, Duration: time.Millisecond, Text: fmt.Sprint("SELECT a", i), Sent: 1}
		prepared := Statement{Has: has, Kind: Execute, Connection: 1, Start: at + 2*ms, Duration: time.Millisecond, Text: "SELECT ?", Sent: 1}
		a.Statements = append(a.Statements, query, prepared)
		if i == 20 {
			query.Start += ms * 3 / 2
		}
		prepared.Text, prepared.Has = "", has&^FieldsOf(FieldText)
		b.Statements = append(b.Statements, query, prepared)
	}
	for _, p := range Align(&a, &b).Pairs {
		if p.A != p.B {
			t.Errorf("%+v is paired with %+v", a.Statements[p.A], b.Statements[p.B])
		}
	}
	query, prepared := Statement{Has: has, Text: "SELECT ?"}, Statement{Has: has &^ FieldsOf(FieldText), Kind: Execute}
	if (&lane{kinds: true}).same(&query, &prepared) || !(&lane{}).same(&query, &prepared) {
		t.Error("what was prepared is none that was not, if both accounts tell")
	}
	failed, fine := Statement{Has: has &^ FieldsOf(FieldText), Error: 1062}, Statement{Has: has, Text: "SELECT ?"}
	if sameText(&failed, &fine) {
		t.Error("one failed, one did not")
	}
}

// A server on a busy machine begins with most statements later than their client, and with
// some at once: those are short beside the delay.
func TestTheUsualDelayIsNoOffsetOfClocks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	truth := load{connections: 3, each: 300, texts: 5, duration: 400 * time.Microsecond, gap: 100 * time.Microsecond}.truth(r)
	late := account(r, truth, 0, nil)
	for i := range late.Statements {
		s := &late.Statements[i]
		whole := int64(s.Duration)
		delay := min(whole/2, int64(150*time.Microsecond)+r.Int64N(int64(20*time.Microsecond)))
		if i%50 == 7 {
			delay = whole / 10
		}
		s.Start += delay
		s.Duration = min(s.Duration-time.Duration(delay), 50*time.Microsecond)
	}
	mustTell(t, &Listing{Statements: truth}, late)
}
