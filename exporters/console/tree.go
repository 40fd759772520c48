// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"slices"

	"github.com/spanbridge/spanbridge/bridge"
)

// maxDepth bounds the indentation. Deeper spans are drawn at that depth.
const maxDepth = 8

// node is a span at its place in the drawing.
type node struct {
	*view
	depth  int
	branch string // tree lines in front of the name
	below  string // tree lines in front of what belongs to the span
	orphan bool   // has a parent that is not part of the drawing
}

// arrange orders the spans of one trace as a tree, siblings by their start.
// Whatever ids it is given, every span appears exactly once.
func arrange(views []view) []node {
	slices.SortStableFunc(views, func(a, b view) int {
		if c := cmp.Compare(a.startNs, b.startNs); c != 0 {
			return c
		}
		return cmp.Compare(b.endNs, a.endNs) // the longer one is the outer one
	})
	known := make(map[bridge.SpanID]int, len(views))
	for i := range views {
		if _, twice := known[views[i].span]; !twice {
			known[views[i].span] = i
		}
	}
	children := make([][]int, len(views))
	var roots []int
	for i := range views {
		parent, ok := known[views[i].parent]
		if ok && parent != i && !views[i].parent.IsZero() {
			children[parent] = append(children[parent], i)
		} else {
			roots = append(roots, i)
		}
	}
	w := walker{views: views, children: children, seen: make([]bool, len(views))}
	for _, i := range roots {
		w.visit(i, node{orphan: !views[i].parent.IsZero()})
	}
	for i := range views { // spans that are each other's ancestors
		if !w.seen[i] {
			w.visit(i, node{orphan: true})
		}
	}
	return w.out
}

type walker struct {
	views    []view
	children [][]int
	seen     []bool
	out      []node
}

func (w *walker) visit(i int, n node) {
	w.seen[i] = true
	n.view = &w.views[i]
	at := len(w.out)
	w.out = append(w.out, n)
	rest := w.children[i][:0:0]
	for _, c := range w.children[i] {
		if !w.seen[c] {
			rest = append(rest, c)
		}
	}
	if len(rest) > 0 && n.depth < maxDepth {
		w.out[at].below = n.below + "│  "
	}
	for k, c := range rest {
		if n.text != "" && sameStatement(w.views[c].text, n.text) {
			n.text = "" // the server tells it, without the literals
		}
		child := node{depth: n.depth + 1, branch: n.below + "├─ ", below: n.below + "│  "}
		if k == len(rest)-1 {
			child.branch, child.below = n.below+"└─ ", n.below+"   "
		}
		if n.depth >= maxDepth {
			child.depth, child.branch, child.below = n.depth, n.branch, n.below
		}
		w.visit(c, child)
	}
}
