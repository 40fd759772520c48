// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"fmt"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/bridge/inert"
)

// maxRunningLines bounds the lines held while the writer stands still.
const maxRunningLines = 256

var _ bridge.RunningExporter = (*Exporter)(nil)

// ExportRunning shows a line for each operation that goes on. What finds no room
// while the terminal stands still is left out: it is told again.
func (e *Exporter) ExportRunning(_ context.Context, batch []bridge.Running) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range batch {
		if len(e.running) < maxRunningLines {
			e.running = append(e.running, runningLine{batch[i].Span.EndNs, inert.Text(runningText(&batch[i]))})
		}
	}
	return nil
}

type runningLine struct {
	atNs int64
	text string
}

// runningText is all but the time of day.
func runningText(one *bridge.Running) string {
	b := fmt.Appendf(nil, "still running %s · %s", formatDuration(int64(one.Age)), one.Span.Name)
	if one.Connection > 0 {
		b = fmt.Appendf(b, " · conn %d", one.Connection)
	}
	if one.Idle > 0 {
		b = fmt.Appendf(b, " · idle for %s", formatDuration(int64(one.Idle)))
	}
	if one.Wait != "" {
		b = fmt.Appendf(b, " · %s since %s", one.Wait, formatDuration(int64(one.Waited)))
	}
	if one.Now != "" {
		b = fmt.Appendf(b, " · %s", one.Now)
	}
	if one.Blocker > 0 {
		b = fmt.Appendf(b, ", held by conn %d", one.Blocker)
	}
	return string(b)
}
