// SPDX-License-Identifier: Apache-2.0

package perfschema

// progress is how far a thread has been read.
type progress struct {
	before uint64 // statements that the server had counted when the account began
	told   uint64 // of those that count
	last   uint64 // number of the last event, 0: none was read
	start  uint64 // of the last statement, by the timer
	end    uint64
	quit   bool // it was the end of the connection
	unsure bool // nobody knows what came before what was read first
	gaps   []gap
}

// gap is a stretch in which events of a thread are missing: from the start of the statement before to the
// end of the one after.
type gap struct {
	from, to uint64 // of the timer
	events   uint64 // that are missing: at least one a statement
}

// maxGaps is how many gaps of a thread are told apart.
const maxGaps = 64

// advance takes the next event of the thread, in the order of their ends. It is true if events
// are missing before it.
func (p *progress) advance(e *row, began uint64) (missing bool) {
	if e.Kind.Counts() {
		p.told++
	}
	if e.inner {
		return false // within a statement, which ends later
	}
	switch {
	case p.last == 0 && p.before == 0 && e.event > 1:
		missing = true // of a thread that began with its first event
		p.miss(gap{began, e.end, e.event - 1})
	case p.last == 0 && p.before > 0:
		p.unsure = true
	case p.last > 0 && e.event > p.last+1:
		missing = true
		if p.end == 0 {
			p.start = began // it was read of before the account began
		}
		p.miss(gap{p.start, e.end, e.event - p.last - 1})
	}
	p.quit = p.quit || e.name == "statement/com/Quit"
	if e.last > p.last {
		p.last, p.start, p.end = e.last, e.start, e.end
	}
	return missing
}

func (p *progress) miss(g gap) {
	if n := len(p.gaps); n == maxGaps {
		p.gaps[n-1].to = g.to
		p.gaps[n-1].events += g.events
		return
	}
	p.gaps = append(p.gaps, g)
}

// merged is all of them as one.
func merged(gaps []gap) gap {
	all := gaps[0]
	for _, g := range gaps[1:] {
		if past(all.from, g.from) {
			all.from = g.from
		}
		if past(g.to, all.to) {
			all.to = g.to
		}
		all.events += g.events
	}
	return all
}
