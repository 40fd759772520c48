// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"slices"
	"time"
)

// Pair is a statement that both listings have, by index.
type Pair struct {
	A, B   int
	Offset int // index into Alignment.Offsets
}

// Alignment says which statements of two listings are the same ones. Pairs are
// in the order of A's starts within each connection; the rest is in no order.
type Alignment struct {
	Pairs        []Pair
	OnlyA, OnlyB []int
	Offsets      []Offset
	// Ambiguous is how many pairs are right by count only: near a statement that is alone there are others of its text,
	// and neither stamps nor order nor durations tell which of them it is.
	Ambiguous int
}

const (
	// slack is how far apart two accounts' stamps of one statement may be when
	// their clocks agree: they are taken at different points of its execution.
	slack = 20 * time.Millisecond
	// maxOffsets is how many times the clocks may step against each other.
	maxOffsets = 16
	// maxCells bounds the work on statements that lie too close in time to be
	// aligned in parts.
	maxCells = 1 << 26
)

// Align pairs the statements of two listings. It first finds by how much their
// clocks are apart, pairs what agrees with that, and goes on with what is left over:
// a clock may have stepped.
func Align(a, b *Listing) *Alignment {
	result := &Alignment{}
	restA, restB := a.sorted(), b.sorted()
	for range maxOffsets {
		at, found := findOffset(a, b, restA, restB)
		if !found && len(result.Offsets) > 0 {
			break
		}
		// Where so few say nothing of the clocks, these are taken to agree.
		pairs := alignAll(a, b, restA, restB, at)
		if len(pairs) == 0 || (at.far() || len(result.Offsets) > 0) && !convincing(a, b, restA, restB, pairs, at) {
			break
		}
		result.add(a, b, pairs)
		restA, restB = without(restA, pairs, Pair.a), without(restB, pairs, Pair.b)
	}
	for _, list := range restA {
		result.OnlyA = append(result.OnlyA, list...)
	}
	for _, list := range restB {
		result.OnlyB = append(result.OnlyB, list...)
	}
	result.Ambiguous = ambiguous(a, b, result)
	return result
}

// far reports whether clocks are so far apart that it needs proof.
func (p *peak) far() bool { return max(p.offset, -p.offset) > int64(slack)+p.tolerance }

// leastPairs convince, of a clock that is off: fewer come about by chance.
const leastPairs = 8

// convincing reports whether a clock that is off explains at least three quarters of what
// one of the two listings has in the time that it is about. Else the pairs came about
// by chance.
func convincing(a, b *Listing, restA, restB map[uint64][]int, pairs []Pair, at peak) bool {
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for _, p := range pairs {
		start := a.Statements[p.A].Start
		from, to = min(from, start), max(to, start)
	}
	n := min(within(a, restA, from, to), within(b, restB, from+at.offset-at.tolerance, to+at.offset+at.tolerance))
	return len(pairs) >= leastPairs && 4*len(pairs) >= 3*n
}

func within(l *Listing, lists map[uint64][]int, from, to int64) (n int) {
	for _, list := range lists {
		for _, i := range list {
			if at := l.Statements[i].Start; from <= at && at <= to {
				n++
			}
		}
	}
	return n
}

func (p Pair) a() int { return p.A }
func (p Pair) b() int { return p.B }

// without returns the lists without what was paired.
func without(lists map[uint64][]int, pairs []Pair, side func(Pair) int) map[uint64][]int {
	paired := make(map[int]bool, len(pairs))
	for _, p := range pairs {
		paired[side(p)] = true
	}
	rest := make(map[uint64][]int)
	for connection, list := range lists {
		list = slices.DeleteFunc(slices.Clone(list), func(i int) bool { return paired[i] })
		if len(list) > 0 {
			rest[connection] = list
		}
	}
	return rest
}

// alignAll aligns each connection, with clocks that are apart as a peak says.
func alignAll(a, b *Listing, listsA, listsB map[uint64][]int, at peak) []Pair {
	var pairs []Pair
	kinds := a.tellsKinds() && b.tellsKinds()
	for connection, x := range listsA {
		y := listsB[connection]
		if len(y) == 0 {
			continue
		}
		l := &lane{a: a, b: b, x: x, y: y, offset: at.offset, tolerance: at.tolerance, reachNs: at.tolerance + int64(slack), coarse: coarse(a, b), kinds: kinds}
		pairs = append(pairs, l.align()...)
	}
	return pairs
}

// lane is one connection in both listings, each in the order of time.
type lane struct {
	a, b      *Listing
	x, y      []int
	offset    int64 // by which the clock of b is ahead
	tolerance int64 // within which starts agree
	reachNs   int64 // beyond which nothing pairs
	coarse    int64 // what stamps do not tell
	kinds     bool  // both tell what was prepared
}

// same reports whether two statements may be the same one by what is told of them. Where a text is missing, one that
// was prepared is none that was not, if both accounts know of that.
func (l *lane) same(a, b *Statement) bool {
	if l.kinds && a.Kind != b.Kind && !(a.Has & b.Has).Has(FieldText) {
		return false
	}
	return sameText(a, b)
}

// distance is by how much the statements' starts are apart, once the clocks' offset
// is allowed for.
func (l *lane) distance(i, j int) int64 {
	d := l.b.Statements[l.y[j]].Start - l.offset - l.a.Statements[l.x[i]].Start
	return max(d, -d)
}

// reach returns which statements of y are near enough in time to the i-th of x,
// given where those of the one before it begin.
func (l *lane) reach(i, from int) (low, high int) {
	at := l.a.Statements[l.x[i]].Start + l.offset
	low = from
	for low < len(l.y) && l.b.Statements[l.y[low]].Start < at-l.reachNs {
		low++
	}
	high = low
	for high < len(l.y) && l.b.Statements[l.y[high]].Start <= at+l.reachNs {
		high++
	}
	return low, high
}

// align pairs what agrees, and then what lies between the same pairs on both sides, if
// times do not tell that it is not the same. Pairs that were shifted are moved back.
func (l *lane) align() []Pair {
	core := l.parts()
	all := make([]Pair, 0, len(core))
	i, j := 0, 0
	for _, p := range append(core, Pair{A: -1}) {
		m, n := i, j
		for m < len(l.x) && l.x[m] != p.A {
			m++
		}
		for n < len(l.y) && (p.A < 0 || l.y[n] != p.B) {
			n++
		}
		all = l.fill(all, i, m, j, n)
		if p.A >= 0 {
			all = append(all, p)
		}
		i, j = m+1, n+1
	}
	return l.unshift(all)
}

// fill pairs x[i:m] and y[j:n], in order, where only the stamps speak against it.
func (l *lane) fill(pairs []Pair, i, m, j, n int) []Pair {
	for ; i < m && j < n; i++ {
		for k := j; k < n; k++ {
			sa, sb := &l.a.Statements[l.x[i]], &l.b.Statements[l.y[k]]
			if !l.same(sa, sb) || !l.mayFill(i, k) {
				continue
			}
			pairs = append(pairs, Pair{A: l.x[i], B: l.y[k]})
			j = k + 1
			break
		}
	}
	return pairs
}

// mayFill reports whether two statements of one text, at the same place between pairs, may
// be the same one. Where both last, they must share some time; where one does, the other
// must begin meanwhile, or near its start: a busy machine lets a server begin late, and
// log after it has answered.
func (l *lane) mayFill(i, j int) bool {
	sa, sb := &l.a.Statements[l.x[i]], &l.b.Statements[l.y[j]]
	switch {
	case sa.Has.Has(FieldDuration) && sb.Has.Has(FieldDuration):
		return l.shared(sa, sb) > 0
	case sa.within(sb.Start - l.offset), sb.within(sa.Start + l.offset):
		return true
	}
	return l.distance(i, j) <= l.reachNs
}

// parts cuts the lane where no statement of the one side can pair across, and
// aligns what is between.
func (l *lane) parts() []Pair {
	var pairs []Pair
	begin, low, high := 0, 0, 0
	for i := range l.x {
		lo, hi := l.reach(i, low)
		if i > begin && lo >= high {
			pairs = append(pairs, l.part(begin, i, low, high)...)
			begin, low = i, lo
		} else if i == begin {
			low = lo
		}
		high = max(high, hi)
	}
	return append(pairs, l.part(begin, len(l.x), low, high)...)
}

// part aligns x[x0:x1] with y[y0:y1].
func (l *lane) part(x0, x1, y0, y1 int) []Pair {
	n, m := x1-x0, y1-y0
	switch {
	case n <= 0 || m <= 0:
		return nil
	case n*m > maxCells:
		return l.sweep(x0, x1, y0, y1)
	}
	return l.best(x0, x1, y0, y1)
}

// cost of pairing two statements; false if they are not the same one.
func (l *lane) cost(i, j int) (cost int64, ok bool) {
	sa, sb := &l.a.Statements[l.x[i]], &l.b.Statements[l.y[j]]
	d := l.distance(i, j)
	if d > l.reachNs || d > l.tolerance && !l.overlap(sa, sb) || !l.same(sa, sb) {
		return 0, false
	}
	if l.coarse > int64(slack) && sa.Has.Has(FieldDuration) && sb.Has.Has(FieldDuration) {
		d = max(0, d-l.coarse) + min(apart(sa, sb), l.reachNs/2)
	}
	if !sa.Has.Has(FieldText) || !sb.Has.Has(FieldText) {
		d += l.reachNs / 2 // one whose text agrees is the better one
	}
	return d, true
}

// overlap reports whether two accounts tell of one stretch of time. A connection executes
// one statement at a time, so those that share most of it are the same one,
// however long the server was stopped between the points that start them.
func (l *lane) overlap(sa, sb *Statement) bool {
	return 2*l.shared(sa, sb) > int64(min(sa.Duration, sb.Duration))
}

// shared is how long both accounts say that their statement ran. Where clocks seem to be apart by little, they may
// as well agree: most statements are then stamped that much later by the one account, and some are not.
func (l *lane) shared(sa, sb *Statement) int64 {
	if !sa.Has.Has(FieldDuration) || !sb.Has.Has(FieldDuration) {
		return 0
	}
	shared := sharedAt(sa, sb, l.offset)
	if max(l.offset, -l.offset) <= int64(slack) {
		shared = max(shared, sharedAt(sa, sb, 0))
	}
	return shared
}

// sharedAt is the same with b's clock ahead by an offset.
func sharedAt(sa, sb *Statement, offset int64) int64 {
	start := max(sa.Start, sb.Start-offset)
	end := min(sa.Start+int64(sa.Duration), sb.Start-offset+int64(sb.Duration))
	return max(0, end-start)
}

// steps of an alignment, for going back.
const (
	stepPair = iota
	stepX    // x stays alone
	stepY
)

// best finds the alignment that costs the least, in
// time proportional to the product of the lengths.
func (l *lane) best(x0, x1, y0, y1 int) []Pair {
	n, m := x1-x0, y1-y0
	alone := l.reachNs // of one statement: two cost more than a pair, which is up to 1.5 of it
	steps := make([]uint8, (n+1)*(m+1))
	above, row := make([]int64, m+1), make([]int64, m+1)
	for j := 1; j <= m; j++ {
		above[j] = int64(j) * alone
		steps[j] = stepY
	}
	for i := 1; i <= n; i++ {
		row[0] = int64(i) * alone
		steps[i*(m+1)] = stepX
		for j := 1; j <= m; j++ {
			best, step := above[j]+alone, uint8(stepX)
			if c := row[j-1] + alone; c < best {
				best, step = c, stepY
			}
			if c, ok := l.cost(x0+i-1, y0+j-1); ok && above[j-1]+c <= best {
				best, step = above[j-1]+c, stepPair
			}
			row[j], steps[i*(m+1)+j] = best, step
		}
		above, row = row, above
	}
	return l.goBack(steps, x0, y0, n, m)
}

func (l *lane) goBack(steps []uint8, x0, y0, n, m int) []Pair {
	var pairs []Pair
	for i, j := n, m; i > 0 || j > 0; {
		switch steps[i*(m+1)+j] {
		case stepPair:
			i, j = i-1, j-1
			pairs = append(pairs, Pair{A: l.x[x0+i], B: l.y[y0+j]})
		case stepX:
			i--
		default:
			j--
		}
	}
	slices.Reverse(pairs)
	return pairs
}

// sweep pairs each statement with the first that fits: what is done where there
// is too much within one stretch of the clock's resolution.
func (l *lane) sweep(x0, x1, y0, y1 int) []Pair {
	var pairs []Pair
	j := y0
	for i := x0; i < x1; i++ {
		for k := j; k < y1; k++ {
			if _, ok := l.cost(i, k); ok {
				pairs = append(pairs, Pair{A: l.x[i], B: l.y[k]})
				j = k + 1
				break
			}
			if l.b.Statements[l.y[k]].Start-l.offset > l.a.Statements[l.x[i]].Start+l.reachNs {
				break
			}
		}
	}
	return pairs
}
