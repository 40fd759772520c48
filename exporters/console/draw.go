// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/hex"
	"math"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/bridge/inert"
	"github.com/spanbridge/spanbridge/bridge/units"
)

const separator = " · "

// drawing draws traces, one after the other, onto one canvas.
type drawing struct {
	canvas
	opts     Options
	services []string // seen so far, in the order of their colours
	apart    bool     // the last thing drawn ended with an empty line
}

func newDrawing(opts Options) *drawing {
	return &drawing{
		canvas: canvas{width: opts.Width, color: opts.Color},
		opts:   opts,
		apart:  true,
	}
}

// trace draws the spans of one trace; hidden is the number of further ones.
func (d *drawing) trace(views []view, hidden int) {
	for i := range views {
		d.know(views[i].service)
	}
	if len(views) == 1 && hidden == 0 {
		d.single(&views[0])
		return
	}
	nodes := arrange(views)
	startNs, endNs := nodes[0].startNs, nodes[0].endNs
	for i := range nodes {
		startNs, endNs = min(startNs, nodes[i].startNs), max(endNs, nodes[i].endNs)
	}
	d.heading(nodes, hidden, endNs-startNs)
	l := newLayout(d.width)
	l.fit(nodes, d.width)
	for i := range nodes {
		n := &nodes[i]
		if i == 0 {
			d.put(dim, d.clock(n.startNs))
		} else {
			d.right(dim, formatOffset(n.startNs-nodes[0].startNs), timeColumns)
		}
		d.to(l.bar)
		d.put(d.barStyle(n.view), span(n.view, startNs, endNs-startNs, l.barCells))
		if d.fits(n, l) {
			d.head(n, l, n.fault)
			n.fault = ""
		} else {
			d.head(n, l, "")
		}
		d.details(n, l)
	}
	if hidden > 0 {
		d.to(l.name)
		d.put(dim, "… "+units.Count(hidden)+" more spans")
		d.newline()
	}
	d.blank()
}

// fits reports whether what went wrong has room beside the name.
func (d *drawing) fits(n *node, l layout) bool {
	return l.name+l.nameColumn+gap+inert.Columns(n.service+separator+n.fault) <= d.width
}

// heading draws the line above a trace. If all the topmost spans have one
// parent elsewhere, it is named here instead of at every span.
func (d *drawing) heading(nodes []node, hidden int, durationNs int64) {
	if !d.apart {
		d.newline()
	}
	first := nodes[0].view
	d.put(dim, "trace ")
	d.put(normal, hex.EncodeToString(first.trace[:]))
	d.put(dim, separator+units.Count(len(nodes)+hidden)+" spans"+separator+formatDuration(durationNs))
	if commonParent(nodes) {
		d.put(dim, separator+"↑ parent "+hex.EncodeToString(first.parent[:]))
		for i := range nodes {
			nodes[i].orphan = false
		}
	}
	d.newline()
}

// commonParent reports whether the topmost spans share a parent that is not
// part of the drawing.
func commonParent(nodes []node) bool {
	for i := range nodes {
		if nodes[i].depth == 0 && (!nodes[i].orphan || nodes[i].parent != nodes[0].parent) {
			return false
		}
	}
	return true
}

// single draws a trace that has one span.
func (d *drawing) single(v *view) {
	n := node{view: v}
	l := newLayout(d.width)
	l.fit([]node{n}, d.width)
	d.put(dim, d.clock(v.startNs))
	d.to(l.bar)
	d.put(d.barStyle(v), meter(v.endNs-v.startNs, l.barCells))
	d.head(&n, l, v.fault)
	mark := v.link
	if !v.parent.IsZero() {
		mark = v.parentMark() + " in trace " + shortHex(v.trace[:])
	}
	d.detail(detail{column: l.bar, text: v.text, mark: mark})
	d.apart = false
}

// head draws what stands to the right of the bar, and ends the line.
func (d *drawing) head(n *node, l layout, fault string) {
	d.right(normal, formatDuration(n.endNs-n.startNs), l.durationEnd)
	d.to(l.name)
	d.put(dim, n.branch)
	nameStyle := bold
	if n.failed {
		nameStyle = red
	}
	d.put(nameStyle, inert.Cut(n.view.name, max(l.nameColumn-inert.Columns(n.branch), minNameColumns/2)))
	d.to(l.name + l.nameColumn)
	d.put(normal, "  ")
	between := ""
	if len(d.services) > 1 && n.service != "" {
		d.put(d.serviceStyle(n.service), n.service)
		between = separator
	}
	if fault != "" {
		d.put(dim, between)
		d.put(red, fault)
		between = separator
	}
	for _, item := range n.items {
		if inert.Columns(between+item) > d.room() {
			break
		}
		d.put(dim, between+item)
		between = separator
	}
	d.newline()
}

// details draws the lines that belong below a span of a larger trace.
func (d *drawing) details(n *node, l layout) {
	at := detail{column: l.name, branch: n.below}
	if n.depth == 0 && n.below == "" { // no tree to stay clear of
		at.column = l.bar
	}
	if n.fault != "" {
		fault := at
		fault.style, fault.text = red, n.fault
		d.detail(fault)
	}
	at.text, at.mark = n.text, n.link
	if n.orphan {
		at.mark = n.parentMark()
	}
	d.detail(at)
}

// detail is a line below a span: text on the left, a reference on the right.
type detail struct {
	column int
	branch string
	style  style // of the text; the zero value means dim
	text   string
	mark   string
}

func (d *drawing) detail(line detail) {
	if line.text == "" && line.mark == "" {
		return
	}
	if line.style == normal {
		line.style = dim
	}
	d.to(line.column)
	d.put(dim, line.branch)
	if line.mark != "" {
		d.width -= inert.Columns(line.mark) + gap
	}
	d.put(line.style, line.text)
	d.width = d.opts.Width
	d.right(dim, line.mark, d.width)
	d.newline()
}

// blank draws an empty line.
func (d *drawing) blank() {
	d.newline()
	d.apart = true
}

func (d *drawing) clock(ns int64) string {
	return time.Unix(0, ns).In(d.opts.Location).Format("15:04:05.000")
}

func (d *drawing) barStyle(v *view) style {
	if v.failed {
		return red
	}
	return d.serviceStyle(v.service)
}

// know gives a service its colour. Services beyond the palette share colours.
func (d *drawing) know(service string) {
	for _, s := range d.services {
		if s == service {
			return
		}
	}
	if service != "" && len(d.services) < 4*len(palette) {
		d.services = append(d.services, service)
	}
}

func (d *drawing) serviceStyle(service string) style {
	for i, s := range d.services {
		if s == service {
			return palette[i%len(palette)]
		}
	}
	return palette[0]
}

// span draws the place of a span within its trace.
func span(v *view, traceStartNs, traceNs int64, cells int) string {
	halves := float64(2*cells) / float64(max(traceNs, 1))
	from := math.Floor(float64(v.startNs-traceStartNs) * halves)
	to := math.Ceil(float64(v.endNs-traceStartNs) * halves)
	return bar(int(from), int(to), cells)
}

// meter shows a duration from a microsecond to ten seconds on a logarithmic
// scale.
func meter(durationNs int64, cells int) string {
	const decades = 7
	part := math.Log10(float64(max(durationNs, 1))/1e3) / decades
	n := min(max(int(math.Round(part*float64(cells))), 1), cells)
	return strings.Repeat("╍", n) + strings.Repeat(" ", cells-n)
}
