// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"io"

	"github.com/spanbridge/spanbridge/bridge"
)

// Render draws the given spans at once, trace by trace in the order in which
// the traces first appear. The spans of a trace may come from several services.
// Of a trace with more than opts.MaxSpans spans the rest is counted only. There
// is an empty line between two traces and none at the end. Render retains nothing
// and writes once.
func Render(w io.Writer, spans []bridge.Span, opts Options) error {
	opts = opts.withDefaults()
	order := make([]bridge.TraceID, 0, 1)
	traces := make(map[bridge.TraceID]*group, 1)
	for i := range spans {
		id := spans[i].TraceID
		g, ok := traces[id]
		if !ok {
			g = &group{}
			traces[id] = g
			order = append(order, id)
		}
		g.add(&spans[i], opts)
	}
	d := newDrawing(opts)
	for _, id := range order { // whether services are named depends on all traces
		for i := range traces[id].views {
			d.know(traces[id].views[i].service)
		}
	}
	for _, id := range order {
		d.trace(traces[id].views, traces[id].hidden)
	}
	if d.apart && len(d.buf) > 0 {
		d.buf = d.buf[:len(d.buf)-1]
	}
	if _, err := w.Write(d.buf); err != nil {
		return fmt.Errorf("write traces: %w", err)
	}
	return nil
}

// group gathers the spans of one trace.
type group struct {
	views  []view
	hidden int // spans beyond the limit
}

func (g *group) add(s *bridge.Span, opts Options) {
	if len(g.views) >= opts.MaxSpans {
		g.hidden++
		return
	}
	g.views = append(g.views, makeView(s, opts.Width))
}

func (g *group) spans() int { return len(g.views) + g.hidden }
