// SPDX-License-Identifier: Apache-2.0

package compare

// Stamps of whole seconds do not tell statements of one text apart that a connection executes within one. Their order
// does, where others are in between, and their durations do, if both accounts tell them.

// coarse is how much the stamps of two accounts leave open.
func coarse(a, b *Listing) int64 { return int64(a.Nature.Resolution + b.Nature.Resolution) }

// apart is by how much two statements differ in their durations.
func apart(a, b *Statement) int64 {
	d := int64(a.Duration - b.Duration)
	return max(d, -d)
}

// ambiguous counts the pairs that could as well be with a statement that is alone.
func ambiguous(a, b *Listing, al *Alignment) int {
	width := coarse(a, b)
	if width <= int64(slack) || a.Nature.Fields.Has(FieldDuration) && b.Nature.Fields.Has(FieldDuration) {
		return 0
	}
	doubtful := make([]bool, len(al.Pairs))
	doubt(a, al.OnlyA, al.Pairs, Pair.a, width, doubtful)
	doubt(b, al.OnlyB, al.Pairs, Pair.b, width, doubtful)
	n := 0
	for _, d := range doubtful {
		if d {
			n++
		}
	}
	return n
}

// doubt marks the pairs of statements beside those that are alone, as far as stamps leave it open and no
// other text is in between.
func doubt(l *Listing, alone []int, pairs []Pair, side func(Pair) int, width int64, doubtful []bool) {
	pairOf := make(map[int]int, len(pairs))
	for i, p := range pairs {
		pairOf[side(p)] = i
	}
	lists, places := l.sorted(), make(map[int]int, len(l.Statements))
	for _, list := range lists {
		for at, i := range list {
			places[i] = at
		}
	}
	for _, i := range alone {
		s := &l.Statements[i]
		list, at := lists[s.Connection], places[i]
		for _, step := range []int{-1, 1} {
			for k := at + step; k >= 0 && k < len(list); k += step {
				other := &l.Statements[list[k]]
				if other.Text != s.Text || max(other.Start-s.Start, s.Start-other.Start) > width {
					break
				}
				if p, paired := pairOf[list[k]]; paired {
					doubtful[p] = true
				}
			}
		}
	}
}
