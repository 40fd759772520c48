// SPDX-License-Identifier: Apache-2.0

package otlp

import "github.com/spanbridge/spanbridge/bridge"

// scopeName is the instrumentation scope of every span.
const scopeName = "github.com/spanbridge/spanbridge"

// entry is one span of a batch, chained to the next one of its group.
type entry struct {
	span *bridge.Span
	size int // of the encoded span message
	next int // index of the next entry of the group, -1 at the end
}

// group is the spans of a batch that share a resource.
type group struct {
	resource    *bridge.Resource
	first, last int // indices of entries
	spansSize   int // of all span fields, with tags and lengths
}

// grouper sorts a batch by resource, keeping the order of the spans. Its
// memory is reused from batch to batch.
type grouper struct {
	entries []entry
	groups  []group
	index   map[*bridge.Resource]int
}

// group replaces what is held by the spans of batch. Strings that are not
// valid UTF-8 are repaired in a copy of their span.
func (g *grouper) group(batch []bridge.Span) {
	g.reset()
	if g.index == nil {
		g.index = make(map[*bridge.Resource]int)
	}
	current := -1
	for i := range batch {
		span := &batch[i]
		if !validSpan(span) {
			span = repairSpan(span)
		}
		if current < 0 || g.groups[current].resource != span.Resource {
			current = g.groupOf(span.Resource)
		}
		g.entries = append(g.entries, entry{span: span, next: -1})
		members := &g.groups[current]
		if members.first < 0 {
			members.first = i
		} else {
			g.entries[members.last].next = i
		}
		members.last = i
	}
}

func (g *grouper) groupOf(resource *bridge.Resource) int {
	if i, ok := g.index[resource]; ok {
		return i
	}
	i := len(g.groups)
	g.groups = append(g.groups, group{resource: resource, first: -1, last: -1})
	g.index[resource] = i
	return i
}

// reset forgets the batch, whose memory belongs to the caller.
func (g *grouper) reset() {
	clear(g.entries)
	clear(g.groups)
	clear(g.index)
	g.entries, g.groups = g.entries[:0], g.groups[:0]
}
