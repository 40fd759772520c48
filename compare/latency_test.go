// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// rows gives statements what accounts tell of rows: a tenth sends many, and another one reads many.
func rows(r *rand.Rand, truth []Statement) {
	for i := range truth {
		s := &truth[i]
		s.Has |= FieldsOf(FieldRowsSent, FieldRowsExamined)
		if s.Sent = 1; r.IntN(10) == 0 {
			s.Sent = uint64(200 + r.IntN(2000))
		}
		if s.Examined = 1; r.IntN(10) == 0 {
			s.Examined = 5000
		}
	}
}

// latencyWith is what comes of two accounts of which the second one tells durations differently.
func latencyWith(truth []Statement, differently func(*Statement) time.Duration) (there, back Latency) {
	a, b := &Listing{Statements: truth}, &Listing{Statements: slices.Clone(truth)}
	pairs := make([]Pair, len(truth))
	for i := range b.Statements {
		b.Statements[i].Duration = differently(&b.Statements[i])
		pairs[i] = Pair{A: i, B: i}
	}
	return latencyOf(a, b, pairs), latencyOf(b, a, pairs)
}

// preempted is the time that a thread waits for a CPU between two points, which happens to that share of statements, of any
// kind.
func preempted(r *rand.Rand, share float64) time.Duration {
	if r.Float64() >= share {
		return 0
	}
	return 50*time.Microsecond + time.Duration(3e6*r.ExpFloat64())
}

// TestADifferenceIsAConstantWhateverItsTail: statements of any kind differ by some microseconds, and some of them by the
// milliseconds that a thread had to wait.
func TestADifferenceIsAConstantWhateverItsTail(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		rows(r, truth)
		for _, share := range []float64{0, 0.02, 0.1, 0.4} {
			const constant = 37 * time.Microsecond
			there, back := latencyWith(truth, func(s *Statement) time.Duration {
				return s.Duration + constant + time.Duration(3e3*r.Float64()) + preempted(r, share)
			})
			for sign, l := range map[time.Duration]Latency{1: there, -1: back} {
				off := sign*l.Half.Middle - constant
				if l.Pairs != len(truth) || !l.Constant() || off < 0 || off > 3*time.Microsecond || math.Abs(l.Tail-share) > 0.08 {
					t.Errorf("%d times a constant of %v and a tail of %v: %+v", sign, constant, share, l)
				}
			}
		}
	})
}

// TestADifferenceThatGoesWithSomethingIsNoConstant: neither what grows with the statement, nor what is another one for
// some of them, is taken for a constant, whatever tail there is besides.
func TestADifferenceThatGoesWithSomethingIsNoConstant(t *testing.T) {
	ofText := func(s *Statement) bool { return s.Text == "select a from t where a = ?" }
	for name, c := range map[string]struct {
		differently func(*Statement) time.Duration
		with        Trait
		least       time.Duration // of the load's statements on average
		texts       int
	}{
		"a factor":               {func(s *Statement) time.Duration { return 2 * s.Duration }, TraitDuration, 0, 0},
		"a factor the other way": {func(s *Statement) time.Duration { return s.Duration * 2 / 3 }, TraitDuration, 0, 0},
		"a share":                {func(s *Statement) time.Duration { return s.Duration + s.Duration/12 }, TraitDuration, 200 * time.Microsecond, 0},
		"rows": {func(s *Statement) time.Duration {
			return s.Duration + 5*time.Microsecond + time.Duration(s.Sent)*200
		}, TraitSent, 0, 0},
		"rows read": {func(s *Statement) time.Duration {
			return s.Duration + 5*time.Microsecond + time.Duration(s.Examined)*300
		}, TraitExamined, 0, 0},
		"long ones": {func(s *Statement) time.Duration {
			if s.Duration > 300*time.Microsecond {
				return s.Duration * 5 / 4
			}
			return s.Duration
		}, TraitDuration, 200 * time.Microsecond, 0},
		"a text": {func(s *Statement) time.Duration {
			if ofText(s) {
				return s.Duration + time.Millisecond
			}
			return s.Duration
		}, TraitText, 0, 5},
		"nothing": {nil, TraitNone, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
				rows(r, truth)
				if c.differently == nil {
					c.differently = func(s *Statement) time.Duration { return s.Duration + time.Duration(2e6*r.ExpFloat64()) }
				}
				there, back := latencyWith(truth, func(s *Statement) time.Duration { return c.differently(s) + preempted(r, 0.05) })
				if there.MedianA < c.least || c.texts > 0 && textsOf(truth) != c.texts {
					return
				}
				if there.With != c.with || back.With != c.with {
					t.Errorf("it goes with %q, want %q: %+v", []Trait{there.With, back.With}, c.with, there)
				}
			})
		})
	}
}

func textsOf(truth []Statement) int {
	texts := make(map[string]bool)
	for i := range truth {
		texts[truth[i].Text] = true
	}
	return len(texts)
}

// TestQueriesAndExecutionsMayHaveConstantsOfTheirOwn: both are told, and neither hides what the other goes with.
func TestQueriesAndExecutionsMayHaveConstantsOfTheirOwn(t *testing.T) {
	forAll(t, func(t *testing.T, r *rand.Rand, truth []Statement) {
		rows(r, truth)
		for i := range truth {
			if i%3 == 0 {
				truth[i].Kind = Execute
			}
		}
		with := func(grows time.Duration) Latency {
			l, _ := latencyWith(truth, func(s *Statement) time.Duration {
				d := s.Duration + 12*time.Microsecond + time.Duration(3e3*r.Float64()) + preempted(r, 0.1)
				if s.Kind == Execute {
					d += 188*time.Microsecond + time.Duration(s.Sent)*grows
				}
				return d
			})
			return l
		}
		l := with(0)
		if !l.Constant() || len(l.Commands) != 2 || l.Commands[0].Half.Middle > 15*time.Microsecond ||
			l.Commands[1].Half.Middle < 200*time.Microsecond || l.Commands[0].Pairs+l.Commands[1].Pairs != l.Pairs {
			t.Errorf("%+v", l)
		}
		if l := with(time.Microsecond); len(truth) > 1000 && l.With != TraitSent {
			t.Errorf("of executions it goes with the rows sent, and is told to go with %q: %+v", l.With, l)
		}
	})
}
