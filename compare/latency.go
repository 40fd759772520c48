// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
	"time"
)

// Latency is how the durations that two accounts tell of the same statements
// differ: B's minus A's. It is zero if fewer than two pairs have both.
type Latency struct {
	Pairs            int // that have both
	MedianA, MedianB time.Duration
	P5, Median, P95  time.Duration // of the differences
	Ratio            float64       // the median of B's to A's
	Near             float64       // share of pairs within 2 % of each other
	Half             Half
	// Limit is how wide a half is at most whose differences are about the same, and how far a difference is from its middle.
	Limit time.Duration
	// Tail is the share of pairs that differ by something else.
	Tail float64
	// Commands are the halves of queries and of executions, if these two differ.
	Commands []Command
	// With is what the difference goes with, "" if it is a constant.
	With  Trait
	Worst []Pair // the largest differences, up to maxExamples
}

// Half is the narrowest one: the shortest range that half of the differences lie in. However long a tail the other half is,
// on one side or both, it does not change.
type Half struct{ From, To, Middle time.Duration }

// Command is what came of the statements of one kind.
type Command struct {
	Kind  Kind
	Pairs int
	Half  Half
}

// Constant reports whether the difference is about the same for all statements: what lies between the points at
// which the two accounts look. It is one if, of queries and of executions,
//
//   - it is about the same for half of them: the narrowest half is no wider than the limit, a tenth of the
//     median duration or 20 µs, and
//   - there is no class of them for which it is another one: not those of a duration, of a number of rows or of a
//     text (see [Trait]).
//
// The other half is a tail, which may be as long as it likes, and is told apart. It comes about where a thread has to wait
// for a CPU between the points of the two accounts, as one does whose client is woken by the answer. That can happen to
// any statement, and so makes no class.
func (l *Latency) Constant() bool { return l.Pairs > 0 && l.With == "" }

// difference is a pair of which both accounts tell the duration.
type difference struct {
	Pair
	a, b *Statement
	ns   time.Duration // b's minus a's
}

func latencyOf(a, b *Listing, pairs []Pair) Latency {
	var all []difference
	var ofA, ofB []time.Duration
	var ratios []float64
	near := 0
	for _, p := range pairs {
		sa, sb := &a.Statements[p.A], &b.Statements[p.B]
		if !sa.Has.Has(FieldDuration) || !sb.Has.Has(FieldDuration) || sa.Duration <= 0 {
			continue
		}
		d := sb.Duration - sa.Duration
		all = append(all, difference{p, sa, sb, d})
		ofA, ofB = append(ofA, sa.Duration), append(ofB, sb.Duration)
		ratios = append(ratios, float64(sb.Duration)/float64(sa.Duration))
		if 50*max(d, -d) <= sa.Duration {
			near++
		}
	}
	n := len(all)
	if n < 2 {
		return Latency{}
	}
	slices.SortStableFunc(all, func(x, y difference) int { return cmp.Compare(x.ns, y.ns) })
	at := func(percent int) time.Duration { return all[n*percent/100].ns }
	l := Latency{
		Pairs: n, MedianA: median(ofA), MedianB: median(ofB), Ratio: median(ratios), Near: float64(near) / float64(n),
		P5: at(5), Median: at(50), P95: at(95), Half: narrowest(all), Worst: worst(all, at(50)),
	}
	l.Limit = max(l.MedianA/10, 20*time.Microsecond)
	l.judge(all)
	return l
}

// narrowest finds the narrowest half of differences that are sorted.
func narrowest(all []difference) Half {
	size := len(all)/2 + 1
	best := 0
	for i := range len(all) - size + 1 {
		if all[i+size-1].ns-all[i].ns < all[best+size-1].ns-all[best].ns {
			best = i
		}
	}
	return Half{all[best].ns, all[best+size-1].ns, all[best+size/2].ns}
}

// judge finds out what the difference goes with, for queries and executions apart: a server may come through the points of an
// account in another order.
func (l *Latency) judge(all []difference) {
	groups := [][]difference{all}
	if queries, executions := byCommand(all); min(len(queries), len(executions)) >= leastOfClass {
		groups = [][]difference{queries, executions}
		q, e := narrowest(queries), narrowest(executions)
		if d := e.Middle - q.Middle; max(d, -d) > 5*time.Microsecond {
			l.Commands = []Command{{Query, len(queries), q}, {Execute, len(executions), e}}
		}
	}
	tail := 0
	for _, of := range groups {
		half := narrowest(of)
		below, above := beyond(of, half.Middle, l.Limit)
		tail += below + above
		if l.With == "" {
			l.With = goesWith(of, half, l.Limit)
		}
	}
	l.Tail = float64(tail) / float64(len(all))
}

func byCommand(all []difference) (queries, executions []difference) {
	for _, d := range all {
		if d.a.Kind == Execute || d.b.Kind == Execute { // not every account tells
			executions = append(executions, d)
		} else {
			queries = append(queries, d)
		}
	}
	return queries, executions
}

// beyond counts the differences that are farther from a middle than a limit.
func beyond(all []difference, middle, limit time.Duration) (below, above int) {
	for i := range all {
		switch d := all[i].ns - middle; {
		case d < -limit:
			below++
		case d > limit:
			above++
		}
	}
	return below, above
}

// worst are the pairs whose difference is farthest from the median.
func worst(all []difference, from time.Duration) []Pair {
	far := func(d difference) time.Duration { return max(d.ns-from, from-d.ns) }
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(x, y difference) int { return cmp.Or(cmp.Compare(far(y), far(x)), cmp.Compare(x.A, y.A)) })
	pairs := make([]Pair, 0, maxExamples)
	for i := range all[:min(len(all), maxExamples)] {
		pairs = append(pairs, all[i].Pair)
	}
	return pairs
}
