// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
)

// unshift mends what starts get wrong where a server is stopped right behind an answer. The client goes on to its next
// statement, which then shares more time with the one that has not ended in the server than that one's own beginning
// does: pairs are shifted by one from there, and one statement of each account is left alone, the one ahead of them and
// the other behind. They are moved back if all of them, and the two that were alone, then share some time: of statements
// of one connection those share none that are not the same, but for such a moment.
func (l *lane) unshift(pairs []Pair) []Pair {
	places := l.places(pairs)
	var more []Pair
	begin, ahead := 0, Pair{} // of the pairs since something was alone, and how many of x and y that was
	for k := range len(places) + 1 {
		alone := l.between(places, k)
		if alone == (Pair{}) {
			continue
		}
		run := places[begin:k]
		if len(run) > 0 && (ahead == Pair{A: 1} && alone == Pair{B: 1} || ahead == Pair{B: 1} && alone == Pair{A: 1}) {
			if last, ok := l.moveBack(run, ahead); ok {
				more, alone = append(more, last), Pair{}
			}
		}
		begin, ahead = k, alone
	}
	all := append(places, more...)
	slices.SortFunc(all, func(p, q Pair) int { return cmp.Compare(p.A, q.A) })
	for k, p := range all {
		all[k] = Pair{A: l.x[p.A], B: l.y[p.B]}
	}
	return all
}

// moveBack moves pairs by the place that is alone ahead of them, and returns the pair of those at their end.
func (l *lane) moveBack(run []Pair, ahead Pair) (last Pair, ok bool) {
	back := func(p Pair) Pair { return Pair{A: p.A - ahead.A, B: p.B - ahead.B} }
	end := run[len(run)-1]
	last = back(Pair{A: end.A + 1, B: end.B + 1})
	fits := func(p Pair) bool {
		sa, sb := &l.a.Statements[l.x[p.A]], &l.b.Statements[l.y[p.B]]
		return l.same(sa, sb) && l.shared(sa, sb) > 0
	}
	if !fits(last) || slices.ContainsFunc(run, func(p Pair) bool { return !fits(back(p)) }) {
		return last, false
	}
	for k := range run {
		run[k] = back(run[k])
	}
	return last, true
}

// places are those in x and y of pairs, which are in order.
func (l *lane) places(pairs []Pair) []Pair {
	all := make([]Pair, len(pairs))
	i, j := 0, 0
	for k, p := range pairs {
		for l.x[i] != p.A {
			i++
		}
		for l.y[j] != p.B {
			j++
		}
		all[k] = Pair{A: i, B: j}
		i, j = i+1, j+1
	}
	return all
}

// between is how many of x and of y are alone ahead of a pair, or behind the last one.
func (l *lane) between(places []Pair, k int) Pair {
	from, to := Pair{}, Pair{A: len(l.x), B: len(l.y)}
	if k > 0 {
		from = Pair{A: places[k-1].A + 1, B: places[k-1].B + 1}
	}
	if k < len(places) {
		to = places[k]
	}
	return Pair{A: to.A - from.A, B: to.B - from.B}
}
