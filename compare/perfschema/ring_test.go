// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spanbridge/spanbridge/compare"
)

// written makes up a server that writes events of threads into a ring, each in two halves.
type written struct {
	rng     *rand.Rand
	slots   []row
	next    int
	at      uint64
	numbers []uint64 // of the last event of each thread
	half    *row     // of which the second half is still to be written
	into    int
	all     map[key]row
}

func newWritten(seed uint64, size, threads int) *written {
	return &written{rng: rand.New(rand.NewPCG(seed, 3)), slots: make([]row, size), numbers: make([]uint64, threads), at: 1000, all: make(map[key]row)}
}

// step writes half an event.
func (w *written) step() {
	if w.half != nil {
		w.slots[w.into] = *w.half
		w.half = nil
		return
	}
	thread := w.rng.IntN(len(w.numbers))
	w.numbers[thread]++
	w.at += 10
	e := row{key: key{uint64(thread + 1), w.numbers[thread]}, last: w.numbers[thread], start: w.at - 5, end: w.at}
	e.Kind, e.Ref = compare.Query, w.at
	w.all[e.key] = e
	w.half, w.into = &e, w.next
	w.slots[w.into].key, w.slots[w.into].last = e.key, e.last
	w.next = (w.next + 1) % len(w.slots)
}

func (w *written) steps(n int) {
	for range n {
		w.step()
	}
}

// readBy lets a ring read while the server writes with that probability between two columns.
func (w *written) readBy(r *ring, busy float64) (cameRound bool) {
	if w.half != nil {
		w.step() // a copy does not last from one reading to the next
	}
	all := r.read()
	for i := range w.slots {
		e := w.slots[i]
		for w.rng.Float64() < busy {
			w.step()
		}
		rest := w.slots[i]
		e.start, e.end, e.Statement = rest.start, rest.end, rest.Statement
		if e.event == 0 || e.end <= r.since() {
			continue
		}
		if all.rows++; !all.counted(e.key) {
			all.take(e)
		}
	}
	return all.end()
}

// TestRowsCountAsTheyWereWritten: whatever is overwritten while it is read, no row counts that the server has not written,
// none twice, and those of a thread in their order; and the numbers tell exactly which are missing.
func TestRowsCountAsTheyWereWritten(t *testing.T) {
	told, missing := 0, 0
	for seed := range uint64(200) {
		w := newWritten(seed, 10+int(seed)%30, 3)
		r := &ring{size: len(w.slots), began: w.at, newest: w.at, pending: make(map[key]*candidate)}
		threads := make([]progress, len(w.numbers))
		count := func() {
			for _, e := range r.release() {
				p := &threads[e.thread-1]
				if want := w.all[e.key]; e != want || e.event <= p.last {
					t.Fatalf("seed %d: %+v counts after %d, want %+v", seed, e, p.last, want)
				}
				p.advance(&e, r.began)
				told++
			}
		}
		for range 60 {
			w.steps(w.rng.IntN(len(w.slots)))
			if came := w.readBy(r, 0.2); came {
				w.readBy(r, 0.2)
			}
			count()
		}
		w.readBy(r, 0)
		w.readBy(r, 0)
		count()
		if len(r.pending) > 0 {
			t.Errorf("seed %d: %d rows are left", seed, len(r.pending))
		}
		for i := range threads {
			p, events := &threads[i], uint64(0)
			for _, g := range p.gaps {
				events += g.events
			}
			if p.told+events+(w.numbers[i]-p.last) != w.numbers[i] {
				t.Errorf("seed %d: of %d events %d count and %d are missing before the %dth", seed, w.numbers[i], p.told, events, p.last)
			}
			missing += int(events)
		}
	}
	if told < 10_000 || missing < 1000 {
		t.Errorf("%d count, %d are missing: that shows little", told, missing)
	}
}

// TestARingThatIsReadInTimeLosesNothing, and one that came round is known to have.
func TestARingThatIsReadInTimeLosesNothing(t *testing.T) {
	w := newWritten(1, 40, 3)
	r := &ring{size: len(w.slots), began: w.at, newest: w.at, pending: make(map[key]*candidate)}
	n := 0
	for range 50 {
		w.steps(2 * w.rng.IntN(20))
		if w.readBy(r, 0) {
			t.Error("it is said to have come round")
		}
		n += len(r.release())
	}
	w.readBy(r, 0)
	if n += len(r.release()); n != len(w.all) {
		t.Errorf("%d of %d count", n, len(w.all))
	}
	before := r.newest
	w.steps(2 * 60)
	if first := w.at - 390; !w.readBy(r, 0) || !slices.Equal(r.over, []gap{{from: before, to: first}}) {
		t.Errorf("it came round: %+v", r.over)
	}
}

// TestWhatComesAfterARowThatDoesNotCountWaits, until that one counts or is gone.
func TestWhatComesAfterARowThatDoesNotCountWaits(t *testing.T) {
	r := &ring{size: 10, began: 50, newest: 50, pending: make(map[key]*candidate)}
	reading := func(rows ...*row) (counted []uint64) {
		all := r.read()
		for _, e := range rows {
			if !all.counted(e.key) {
				all.take(*e)
			}
		}
		all.end()
		for _, e := range r.release() {
			counted = append(counted, 100*e.thread+e.event)
		}
		return counted
	}
	event := func(thread, n uint64, change uint64) *row {
		e := end(thread, n, n, 100*n, compare.Query)
		e.Ref = change
		return e
	}
	for i, step := range []struct {
		rows []*row
		want []uint64
	}{
		{[]*row{event(1, 2, 0), event(2, 1, 0)}, nil},
		{[]*row{event(1, 2, 0), event(2, 1, 0), event(1, 1, 0)}, []uint64{201}}, // 1 was not written when 2 was read
		{[]*row{event(1, 2, 0), event(1, 1, 7), event(2, 1, 0)}, nil},           // half of 1 was another
		{[]*row{event(1, 1, 7), event(1, 3, 0)}, []uint64{101, 102}},            // what is sure is not lost any more
		{[]*row{event(1, 4, 0), event(1, 4, 7), event(1, 5, 0)}, nil},           // two say that they are 4; 3 is gone
		{[]*row{event(1, 4, 0), event(1, 5, 0)}, []uint64{104, 105}},
		{[]*row{event(1, 4, 0), event(1, 5, 0)}, nil},
	} {
		if got := reading(step.rows...); !slices.Equal(got, step.want) {
			t.Errorf("reading %d: %v count, want %v", i, got, step.want)
		}
	}
}

// TestReadingsOneAfterTheOtherAreToldApart, also where one of them finds nothing.
func TestReadingsOneAfterTheOtherAreToldApart(t *testing.T) {
	for _, c := range []struct {
		first, second int // rows
		want          int // that count then
		came          bool
	}{{3, 3, 3, false}, {3, 2, 2, false}, {3, 0, 0, true}, {0, 0, 0, false}, {0, 3, 0, false}} {
		r := &ring{size: 10, began: 50, newest: 50, pending: make(map[key]*candidate)}
		all := r.times()
		for nth, n := range []int{c.first, c.second} {
			for i := range n {
				e := end(1, uint64(i+1), uint64(i+1), 100, compare.Query)
				if all.row(nth); !all.counted(e.key) {
					all.take(*e)
				}
			}
		}
		all.upTo(2)
		if got := len(r.release()); got != c.want || len(r.found) != c.second || all.cameRound != c.came || all.news != max(c.first, c.second) {
			t.Errorf("%+v: %d count, %d are new, came round: %v", c, got, all.news, all.cameRound)
		}
	}
}
