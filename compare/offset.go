// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Offset is by how much the clock of listing B was ahead of A's for some pairs.
type Offset struct {
	Ns       int64 // the median of the pairs'
	Pairs    int
	From, To int64 // starts of the first and the last of them, by A's clock
}

// join takes over the pairs of another offset, which is the same for most purposes: that of more pairs stays.
func (o *Offset) join(other *Offset) {
	if other.Pairs > o.Pairs {
		o.Ns = other.Ns
	}
	o.Pairs += other.Pairs
	o.From, o.To = min(o.From, other.From), max(o.To, other.To)
}

// Duration returns the offset as a duration.
func (o Offset) Duration() time.Duration { return time.Duration(o.Ns) }

const (
	// maxVotes bounds what one text of one connection says about the offset.
	maxVotes = 1 << 15
	// leastVotes is what an offset needs: fewer agree by chance.
	leastVotes = 4
	// enoughVotes agree on something, if the listings have anything in common.
	enoughVotes = 100
)

// scales are the widths in which agreement is looked for, in nanoseconds: how well two
// accounts agree about the start of a statement is not known beforehand.
var scales = []int64{50e3, 200e3, 1e6, 5e6, 20e6}

// peak is where many differences between the starts of two listings agree.
type peak struct {
	offset    int64 // by which B's clock is ahead
	tolerance int64 // within which nearly all of them agree
	votes     int
	excess    float64 // votes beyond what chance gives
}

// findOffset finds by how much B's clock is ahead of A's. All statements of one
// text on one connection vote for their differences: those of the same statement
// agree, the others scatter. Where several differences agree about as well, as
// those of a periodic load do, the smallest is taken. False if nothing speaks for any.
func findOffset(a, b *Listing, listsA, listsB map[uint64][]int) (peak, bool) {
	votes := vote(a, b, listsA, listsB)
	slices.Sort(votes)
	coarse := int64(a.Nature.Resolution + b.Nature.Resolution)
	usable := usableScales(min(spacing(a, listsA), spacing(b, listsB)))
	var best peak
	for _, scale := range usable {
		p := densest(votes, scale+coarse)
		if p.votes > 0 && (best.votes == 0 || p.excess > 1.05*best.excess) {
			best = p
		}
	}
	if best.votes == 0 {
		if len(votes) > enoughVotes {
			usable = usable[:1] // there is nothing on which they agree
		}
		best.tolerance = usable[len(usable)-1] + coarse
		return best, false
	}
	best.tolerance = spread(votes, best.offset, coarse, usable)
	return best, true
}

// usableScales are those within which one statement is not taken for the next.
func usableScales(spacing int64) []int64 {
	n := 1
	for n < len(scales) && scales[n] <= spacing/4 {
		n++
	}
	return scales[:n]
}

// spacing is how far apart statements of one text are on a connection, but for
// the nearest twentieth of them.
func spacing(l *Listing, lists map[uint64][]int) int64 {
	var apart []int64
	for _, list := range lists {
		last := make(map[string]int64)
		for _, i := range list {
			s := &l.Statements[i]
			if before, ok := last[s.Text]; ok && s.Start > before {
				apart = append(apart, s.Start-before)
			}
			last[s.Text] = s.Start
		}
	}
	if len(apart) == 0 {
		return math.MaxInt64
	}
	slices.Sort(apart)
	return apart[len(apart)/20]
}

// densest finds the window of a width with the most votes, if these are more than
// chance gives; else a peak without votes. One at which the clocks agree is preferred,
// unless another one has a tenth more.
func densest(votes []int64, width int64) peak {
	most := top(votes, width, 0, math.MaxInt64)
	near := top(votes, width, 0, width+int64(slack))
	if near.explains(most.votes) {
		// The same again, nearer still: periodic loads.
		for half := near.offset / 2; max(half, -half) > width; half /= 2 {
			if p := top(votes, width, 0, max(half, -half)); p.explains(most.votes) {
				near = p
			}
		}
		most = near
	}
	chance := background(votes, most.offset, width)
	most.excess = float64(most.votes) - chance
	if most.excess < leastVotes+2*chance+8*math.Sqrt(chance) {
		return peak{}
	}
	return most
}

// explains reports whether a peak has about as many votes, which are a sample.
func (p *peak) explains(votes int) bool {
	n := float64(p.votes)
	return n+3*math.Sqrt(n) > 0.9*float64(votes)
}

// top finds the window with the most votes among those whose middle is at most a distance
// from a place.
func top(votes []int64, width, from, distance int64) peak {
	var p peak
	high := 0
	for low := range votes {
		for high < len(votes) && votes[high]-votes[low] <= width {
			high++
		}
		if high-low <= p.votes {
			continue
		}
		if middle := votes[(low+high)/2]; max(middle-from, from-middle) <= distance {
			p.votes, p.offset = high-low, middle
		}
	}
	return p
}

// background is how many votes a window of that width has in the surroundings of
// a peak, 20 times as wide on each side.
func background(votes []int64, at, width int64) float64 {
	around := count(votes, at-20*width, at+20*width) - count(votes, at-width, at+width)
	return float64(around) / 38
}

func count(sorted []int64, from, to int64) int {
	low, _ := slices.BinarySearch(sorted, from)
	high, _ := slices.BinarySearch(sorted, to+1)
	return high - low
}

// spread is the distance from a peak within which nearly all lie that belong to it:
// where going further adds no more than chance does.
func spread(votes []int64, at, coarse int64, usable []int64) int64 {
	var w int64
	within := 0.0
	for _, scale := range usable {
		wider := scale + coarse
		chance := 2 * background(votes, at, wider)
		excess := float64(count(votes, at-wider, at+wider)) - chance
		if w > 0 && excess-within < 0.01*within+4*math.Sqrt(chance) {
			break
		}
		w, within = wider, excess
	}
	return w
}

// vote collects the differences between the starts of statements that may be
// the same one. Where no text is known, any may be.
func vote(a, b *Listing, listsA, listsB map[uint64][]int) []int64 {
	var votes []int64
	for connection, x := range listsA {
		ofA, ofB := byText(a, x), byText(b, listsB[connection])
		shared := false
		for text, from := range ofA {
			if to := ofB[text]; to != nil {
				shared = true
				votes = append(votes, differences(from, to)...)
			}
		}
		if !shared {
			votes = append(votes, differences(startsOf(a, x), startsOf(b, listsB[connection]))...)
		}
	}
	return votes
}

// byText lists the starts of the statements whose whole text is known.
func byText(l *Listing, list []int) map[string][]int64 {
	by := make(map[string][]int64)
	for _, i := range list {
		if s := &l.Statements[i]; s.Has.Has(FieldText) && !s.Cut {
			by[s.Text] = append(by[s.Text], s.Start)
		}
	}
	return by
}

func startsOf(l *Listing, list []int) []int64 {
	all := make([]int64, len(list))
	for n, i := range list {
		all[n] = l.Statements[i].Start
	}
	return all
}

// differences of each with each; of many, those of a sample of the shorter list
// with all of the other one.
func differences(a, b []int64) []int64 {
	every := 1 + len(a)*len(b)/maxVotes
	ofA, ofB := every, 1
	if len(a) > len(b) {
		ofA, ofB = ofB, ofA
	}
	var all []int64
	for i := 0; i < len(a); i += ofA {
		for j := 0; j < len(b); j += ofB {
			all = append(all, b[j]-a[i])
		}
	}
	return all
}

// add takes over pairs that were found at a peak. One that is as near to another as stamps of one statement
// may be is no other offset of the clocks: some statements are stamped later than most.
func (r *Alignment) add(a, b *Listing, pairs []Pair) {
	apart := make([]int64, len(pairs))
	o := Offset{Pairs: len(pairs), From: math.MaxInt64, To: math.MinInt64}
	for i, p := range pairs {
		pairs[i].Offset = len(r.Offsets)
		start := a.Statements[p.A].Start
		apart[i] = b.Statements[p.B].Start - start
		o.From, o.To = min(o.From, start), max(o.To, start)
	}
	o.Ns = median(apart)
	near := slices.IndexFunc(r.Offsets, func(of Offset) bool { return max(of.Ns-o.Ns, o.Ns-of.Ns) <= int64(slack) })
	if near < 0 {
		r.Offsets = append(r.Offsets, o)
	} else {
		for i := range pairs {
			pairs[i].Offset = near
		}
		r.Offsets[near].join(&o)
	}
	r.Pairs = append(r.Pairs, pairs...)
}

// median of what is not empty; it sorts what it is given.
func median[T cmp.Ordered](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}
