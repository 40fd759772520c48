// SPDX-License-Identifier: Apache-2.0

package console

import "github.com/spanbridge/spanbridge/bridge/inert"

// layout holds the columns of the drawing. Those on the left have a fixed
// width, so that the lines of different traces stay aligned.
type layout struct {
	bar, barCells    int
	durationEnd      int
	name, nameColumn int // where names begin, and how much is kept for them
}

const (
	timeColumns     = 12 // 15:04:05.000
	gap             = 2
	durationColumns = 8
	minNameColumns  = 20
)

func newLayout(width int) layout {
	l := layout{bar: timeColumns + gap, barCells: min(width/5, 40), nameColumn: minNameColumns}
	l.durationEnd = l.bar + l.barCells + 1 + durationColumns
	l.name = l.durationEnd + gap
	return l
}

// fit widens the name column to the names of a trace, but keeps a third of
// the room on the right for what follows.
func (l *layout) fit(nodes []node, width int) {
	limit := (width - l.name) * 2 / 3
	for i := range nodes {
		n := inert.Columns(nodes[i].branch) + inert.Columns(nodes[i].view.name)
		l.nameColumn = min(max(l.nameColumn, n), limit)
	}
}
