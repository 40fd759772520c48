// SPDX-License-Identifier: Apache-2.0

package console

import "time"

// budget is a token bucket that holds one second's worth.
type budget struct {
	perSecond float64
	tokens    float64
	last      time.Time
}

func newBudget(perSecond int, now time.Time) budget {
	return budget{perSecond: float64(perSecond), tokens: float64(perSecond), last: now}
}

// refill adds what the time since the last call is worth.
func (b *budget) refill(now time.Time) {
	if passed := now.Sub(b.last); passed > 0 {
		b.tokens = min(b.tokens+passed.Seconds()*b.perSecond, b.perSecond)
		b.last = now
	}
}

func (b *budget) spend() bool {
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
