// SPDX-License-Identifier: Apache-2.0

package errorlog

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// slack is by how much stamps of a message and of a statement may differ when
// they are of one clock.
const slack = 20 * time.Millisecond

// Join tells, for each message, which statements it may be about, by their indexes
// in the order of time: those that its connection executed when it was written. There are
// several where stamps are coarser than statements are long, and none for messages of
// the server's own threads. Both logs must be of one clock.
//
// Of a statement whose duration is not known, the next one of its connection is the end.
func Join(messages []Message, l *compare.Listing) [][]int {
	spans := spansOf(l)
	joined := make([][]int, len(messages))
	for i := range messages {
		m := &messages[i]
		if m.Connection == 0 {
			continue
		}
		margin := int64(slack + l.Nature.Resolution)
		from, to := m.At-margin, m.At+int64(m.Resolution)+margin
		list := spans[m.Connection]
		// Ends are in the order of starts, as a connection does one thing at a time.
		at, _ := slices.BinarySearchFunc(list, from, func(s span, from int64) int { return cmp.Compare(s.end, from) })
		for _, s := range list[at:] {
			if s.start > to {
				break
			}
			joined[i] = append(joined[i], s.index)
		}
	}
	return joined
}

// span is when a statement was executed.
type span struct {
	start, end int64
	index      int
}

func spansOf(l *compare.Listing) map[uint64][]span {
	by := make(map[uint64][]span)
	for i := range l.Statements {
		if s := &l.Statements[i]; s.Kind.Counts() && s.Connection != 0 {
			end := int64(math.MinInt64)
			if s.Has.Has(compare.FieldDuration) {
				end = s.Start + int64(s.Duration)
			}
			by[s.Connection] = append(by[s.Connection], span{s.Start, end, i})
		}
	}
	for _, list := range by {
		slices.SortStableFunc(list, func(x, y span) int { return cmp.Compare(x.start, y.start) })
		for i := range list {
			if list[i].end == math.MinInt64 {
				list[i].end = list[min(i+1, len(list)-1)].start
			}
			if i > 0 {
				list[i].end = max(list[i].end, list[i-1].end)
			}
		}
	}
	return by
}
