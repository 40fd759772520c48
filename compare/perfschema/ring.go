// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"cmp"
	"maps"
	"slices"
)

// ring is what is known of rows that the server overwrites one after the other.
//
// The server locks nothing while they are read, so that a row that is overwritten at that moment can be of two
// statements, half and half. A row counts once two readings have found the same in it; one that is gone before is lost.
type ring struct {
	size    int
	began   uint64             // by the timer: what ended before is not told
	newest  uint64             // end of the newest event, by the timer
	found   map[key]bool       // at the last reading
	pending map[key]*candidate // of that, what does not count yet
	over    []gap              // stretches in which the ring came round
}

// candidate is a row that does not count yet.
type candidate struct {
	row
	sure bool // two readings found the same
	torn bool // this reading found two rows that say that they are this one
}

// late is by how much an event may be written after its end, in picoseconds: its thread may have to wait for
// a CPU in between.
const late = 500_000_000_000

// since is the moment from which on rows have to be read: late ones, and those that are to be read again.
func (r *ring) since() uint64 {
	from := r.newest - late
	if from > r.newest {
		return 0 // the timer began, or has come round
	}
	for _, c := range r.pending {
		from = min(from, c.end-1)
	}
	return from
}

// reading is one reading of a ring, which it changes.
type reading struct {
	*ring
	before map[key]bool // found at the reading before
	rows   int
	kept   bool     // what was there before is there still, or some of it
	fresh  []uint64 // ends of what was not there before
}

// read begins a reading.
func (r *ring) read() *reading {
	all := &reading{ring: r, before: r.found}
	r.found = make(map[key]bool, len(r.found))
	return all
}

// counted reports whether a row has counted, and need not be looked at any more.
func (r *reading) counted(k key) bool {
	if !r.before[k] || r.pending[k] != nil {
		return false
	}
	r.found[k], r.kept = true, true
	return true
}

// take takes a row that has not counted.
func (r *reading) take(e row) {
	r.kept = r.kept || r.before[e.key]
	c := r.pending[e.key]
	switch {
	case c == nil && past(e.end, r.began):
		r.pending[e.key] = &candidate{row: e}
		r.fresh = append(r.fresh, e.end)
	case c == nil, c.sure:
	case r.found[e.key]:
		c.torn = true
	case c.row == e:
		c.sure = true
	default:
		c.row = e
	}
	r.found[e.key] = true
}

// end ends the reading. It is true if all that was there before is gone: then more may be lost.
func (r *reading) end() (cameRound bool) {
	for k, c := range r.pending {
		if !c.sure && !r.found[k] {
			delete(r.pending, k)
		}
		c.sure, c.torn = c.sure && !c.torn, false
	}
	from, first := r.newest, r.newest
	for i, end := range r.fresh {
		if i == 0 || past(first, end) {
			first = end
		}
		if past(end, r.newest) {
			r.newest = end
		}
	}
	if r.kept || len(r.before) == 0 && r.rows < r.size-r.size/50 { // while it is read, some are overwritten
		return false
	}
	if past(from, first) {
		first = from
	}
	if n := len(r.over); n == maxLosses {
		r.over[n-1].to = r.newest
	} else {
		r.over = append(r.over, gap{from: from, to: first})
	}
	return true
}

// readings are one or several readings, one after the other.
type readings struct {
	*reading
	of        *ring
	nth       int
	news      int // rows that were not there before
	cameRound bool
}

func (r *ring) times() *readings { return &readings{of: r} }

// row notes that there is a row in the n-th reading.
func (r *readings) row(nth int) {
	r.upTo(nth)
	r.begin()
	r.rows++
}

func (r *readings) begin() {
	if r.reading == nil {
		r.reading = r.of.read()
	}
}

// upTo ends the readings before the n-th.
func (r *readings) upTo(nth int) {
	for ; r.nth < nth; r.nth++ {
		r.begin()
		r.cameRound = r.end() || r.cameRound
		r.news += len(r.fresh)
		r.reading = nil
	}
}

// release yields what counts now, in the order of ends. What a thread did after a row that does not count yet waits.
func (r *ring) release() (all []row) {
	inOrder := slices.SortedFunc(maps.Values(r.pending), func(x, y *candidate) int {
		return cmp.Or(cmp.Compare(x.thread, y.thread), cmp.Compare(x.last, y.last), cmp.Compare(y.event, x.event))
	})
	for i := 0; i < len(inOrder); i++ {
		c := inOrder[i]
		if c.sure {
			all = append(all, c.row)
			delete(r.pending, c.key)
			continue
		}
		for i+1 < len(inOrder) && inOrder[i+1].thread == c.thread {
			i++
		}
	}
	slices.SortFunc(all, func(x, y row) int { return cmp.Compare(int64(x.end-r.began), int64(y.end-r.began)) })
	return all
}
