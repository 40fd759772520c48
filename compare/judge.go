// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Reason says why one account lacks a statement that another one has.
type Reason string

// The reasons that follow from what is known of an account. Others are those
// that its losses and its nature name.
const (
	ReasonEdge     Reason = "at the edge of the time compared"
	ReasonShort    Reason = "shorter than the account's threshold"
	ReasonUnparsed Reason = "not parsed, which the account leaves out"
	ReasonTwice    Reason = "told twice by the other account"
	ReasonUnknown  Reason = "unexplained"
)

// Window is the time for which two accounts are compared, by A's clock. Near
// its ends a statement may be in one account only.
type Window struct {
	From, To int64 // Unix time, nanoseconds
	Margin   time.Duration
}

func (w Window) atEdge(at int64) bool {
	return at < w.From+int64(w.Margin) || at > w.To-int64(w.Margin)
}

// Verdict is what two accounts of the same statements amount to.
type Verdict struct {
	A, B               Nature
	Pairs              []Pair // what both have
	Matched            int
	Ambiguous          int       // of Matched: right by count only, see Alignment
	MissingA           []Missing // in A, of what B has
	MissingB           []Missing // in B, of what A has
	Offsets            []Offset
	Latency            Latency
	Fields             []FieldVerdict // by field
	OtherA, OtherB     int            // what is no statement, and was not compared
	UnknownA, UnknownB int            // of Missing, without an explanation
}

// Missing is how many statements an account lacks for one reason.
type Missing struct {
	Reason   Reason
	Count    int
	Examples []int // indexes into the other account, up to maxExamples
}

// maxExamples is how many statements a verdict names for each finding.
const maxExamples = 5

// Judge says of two listings what each lacks and why, and how far they agree on the
// rest.
func Judge(a, b *Listing, w Window) *Verdict {
	al := Align(a, b)
	v := &Verdict{A: a.Nature, B: b.Nature, Pairs: al.Pairs, Matched: len(al.Pairs), Ambiguous: al.Ambiguous, Offsets: al.Offsets}
	v.Latency = latencyOf(a, b, al.Pairs)
	mean := meanOffset(al.Offsets)
	ofA, ofB := newExcuses(a), newExcuses(b)
	v.MissingB, v.UnknownB = explain(a, al.OnlyA, twice(a, al.OnlyA, al.Pairs, Pair.a), func(s *Statement) Reason {
		return ofB.lackedBy(s, lack{byA: s.Start, own: s.Start + mean, duration: s.Duration + v.Latency.P5}, w)
	})
	v.MissingA, v.UnknownA = explain(b, al.OnlyB, twice(b, al.OnlyB, al.Pairs, Pair.b), func(s *Statement) Reason {
		return ofA.lackedBy(s, lack{byA: s.Start - mean, own: s.Start - mean, duration: s.Duration - v.Latency.P95}, w)
	})
	v.Fields = fieldsOf(a, b, al.Pairs)
	v.OtherA, v.OtherB = others(a), others(b)
	return v
}

// meanOffset is the offset of the clocks for most pairs.
func meanOffset(offsets []Offset) int64 {
	if len(offsets) == 0 {
		return 0
	}
	return slices.MaxFunc(offsets, func(x, y Offset) int { return cmp.Compare(x.Pairs, y.Pairs) }).Ns
}

// lack is what a statement would be in the account that lacks it: its start by A's
// clock, for the window, and by the account's own, for its losses; and the shortest
// duration that the account would tell, as the two usually differ.
type lack struct {
	byA, own int64
	duration time.Duration
}

// excuses are why an account may lack statements. A loss of so many explains no more. So that as many are explained as can
// be, statements are asked for in the order of their starts, and that loss is taken which is over first.
type excuses struct {
	*Listing
	losses []Loss
	left   []uint64 // of each loss
}

func newExcuses(l *Listing) *excuses {
	e := &excuses{Listing: l, losses: slices.Clone(l.Losses), left: make([]uint64, len(l.Losses))}
	slices.SortStableFunc(e.losses, func(x, y Loss) int { return cmp.Compare(x.To, y.To) })
	for i := range e.losses {
		if e.left[i] = e.losses[i].Count; e.left[i] == 0 {
			e.left[i] = math.MaxUint64
		}
	}
	return e
}

// lackedBy says why the account lacks a statement of the other one.
func (l *excuses) lackedBy(s *Statement, as lack, w Window) Reason {
	for i := range l.losses {
		if l.left[i] > 0 && l.losses[i].covers(s.Connection, as.own, s.Duration) {
			l.left[i]--
			return Reason(l.losses[i].Why)
		}
	}
	switch {
	case l.Nature.MinDuration > 0 && s.shortest(as.duration) < l.Nature.MinDuration:
		return ReasonShort
	case l.Nature.SkipsUnparsed && s.unparsed():
		return ReasonUnparsed
	case w.atEdge(as.byA), w.atEdge(as.byA + int64(s.Duration)): // accounts may tell of it when it has ended
		return ReasonEdge
	case l.Nature.Partial:
		return Reason(l.Nature.Why)
	}
	return ReasonUnknown
}

// twice finds those of the unpaired statements that repeat a paired one.
func twice(l *Listing, alone []int, pairs []Pair, side func(Pair) int) map[int]bool {
	type key struct {
		connection uint64
		start      int64
		text       string
	}
	of := func(i int) key {
		s := &l.Statements[i]
		return key{s.Connection, s.Start, s.Text}
	}
	paired := make(map[key]bool, len(pairs))
	for _, p := range pairs {
		paired[of(side(p))] = true
	}
	repeated := make(map[int]bool)
	for _, i := range alone {
		if paired[of(i)] {
			repeated[i] = true
		}
	}
	return repeated
}

// explain counts the statements by the reason why the other account lacks them, most
// frequent first.
func explain(l *Listing, alone []int, repeated map[int]bool, why func(*Statement) Reason) (all []Missing, unknown int) {
	by := make(map[Reason]*Missing)
	alone = slices.SortedFunc(slices.Values(alone), func(x, y int) int {
		return cmp.Compare(l.Statements[x].Start, l.Statements[y].Start)
	})
	for _, i := range alone {
		reason := ReasonTwice
		if !repeated[i] {
			reason = why(&l.Statements[i])
		}
		m := by[reason]
		if m == nil {
			m = &Missing{Reason: reason}
			by[reason] = m
		}
		m.Count++
		if len(m.Examples) < maxExamples {
			m.Examples = append(m.Examples, i)
		}
		if reason == ReasonUnknown {
			unknown++
		}
	}
	for _, m := range by {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(x, y Missing) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Reason, y.Reason))
	})
	return all, unknown
}

func others(l *Listing) (n int) {
	for i := range l.Statements {
		if !l.Statements[i].Kind.Counts() {
			n++
		}
	}
	return n
}
