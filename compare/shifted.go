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
	begin, ahead := 0, Pair{} // of the pairs since something was alone, and how many of x and y that were
	for k := range len(places) + 1 {
		alone := l.between(places, k)
		if alone == (Pair{}) {
			continue
		}
		if last, by := l.moveBack(places[begin:k], ahead, alone); by != (Pair{}) {
			more = append(more, last)
			alone.A, alone.B = alone.A-by.B, alone.B-by.A
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

// moveBack moves pairs to the place that is alone ahead of them on one side, if one behind them is on the other. It
// returns the pair that this makes at their end, and by how much they were moved, which may be nothing.
func (l *lane) moveBack(run []Pair, ahead, behind Pair) (last, by Pair) {
	for _, by := range []Pair{{B: 1}, {A: 1}} {
		if by.A > ahead.A || by.B > ahead.B || by.A > behind.B || by.B > behind.A {
			continue
		}
		if last, ok := l.move(run, by); ok {
			return last, by
		}
	}
	return Pair{}, Pair{}
}

func (l *lane) move(run []Pair, by Pair) (last Pair, ok bool) {
	if len(run) == 0 {
		return last, false
	}
	back := func(p Pair) Pair { return Pair{A: p.A - by.A, B: p.B - by.B} }
	end := run[len(run)-1]
	last = back(Pair{A: end.A + 1, B: end.B + 1})
	if !l.mayBe(last) || slices.ContainsFunc(run, func(p Pair) bool { return !l.mayBe(back(p)) }) {
		return last, false
	}
	for k := range run {
		run[k] = back(run[k])
	}
	return last, true
}

// mayBe reports whether what is at two places may be the same: both say so, and that they ran at the same time.
func (l *lane) mayBe(p Pair) bool {
	sa, sb := &l.a.Statements[l.x[p.A]], &l.b.Statements[l.y[p.B]]
	return l.same(sa, sb) && l.shared(sa, sb) > 0
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
