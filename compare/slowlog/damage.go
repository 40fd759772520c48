// SPDX-License-Identifier: Apache-2.0

package slowlog

import "github.com/spanbridge/spanbridge/compare"

// damage counts lines that cannot be read. What they told of is lost, between the entries
// before and after them.
func (r *Reader) damage(lines uint64) {
	r.damaged += lines
	r.torn = r.torn || r.lastEnd > 0
}

// recover ends a stretch of damaged lines with an entry that can be read.
func (r *Reader) recover(e *entry) {
	end := e.Start + int64(e.Duration)
	if r.torn {
		r.lose(compare.Loss{From: min(r.lastEnd, e.Start), To: max(end, r.lastEnd), Why: WhyDamaged})
	}
	r.torn, r.lastEnd = false, end
}

// lose remembers a loss. Of too many, the last ones are told as one.
func (r *Reader) lose(l compare.Loss) {
	if len(r.losses) < maxLosses {
		r.losses = append(r.losses, l)
		return
	}
	last := &r.losses[maxLosses-1]
	last.From, last.To = min(last.From, l.From), max(last.To, l.To)
	if last.Count += l.Count; last.Why != l.Why {
		last.Why += " or " + l.Why
	}
}
