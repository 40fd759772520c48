// SPDX-License-Identifier: Apache-2.0

package perfschema

import "time"

// pace is how often a ring is read: when a quarter of it is new, by what came lately. A reading costs the server
// some microseconds for each row of the ring, whatever is new in it.
type pace struct {
	size   int
	period time.Duration
	last   time.Time // when it was read
	took   time.Duration
}

const (
	shortest = 5 * time.Millisecond
	usual    = 2 * time.Second // of a ring in which little happens
	glance   = 250 * time.Millisecond
)

// newPace begins with the shortest: what a ring is filled with is not known yet.
func newPace(size int, now time.Time) pace { return pace{size: size, period: shortest, last: now} }

// wait returns how long to wait for the next reading. Readings take no more than half of the time.
func (p *pace) wait() time.Duration {
	return max(p.period-time.Since(p.last), p.took)
}

// note takes down what a reading has brought: more than there was room for, if the ring came round.
func (p *pace) note(began time.Time, events int, cameRound bool) {
	since := began.Sub(p.last)
	p.last, p.took = began, time.Since(began)
	switch {
	case cameRound:
		p.period = min(since, usual) / 4
	case events == 0:
		p.period = min(2*max(p.period, shortest), usual)
	default:
		p.period = min(time.Duration(float64(since)*float64(p.size)/float64(4*events)), 2*max(p.period, shortest))
	}
	p.period = min(max(p.period, shortest), usual)
}
