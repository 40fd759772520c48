// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"

	"github.com/spanbridge/spanbridge/bridge"
)

// LineWriter takes whole lines, as the writer of exporters/file does.
type LineWriter interface {
	WriteLine(line []byte) error
}

// Lines writes each batch as one line of OTLP JSON.
type Lines struct {
	To      LineWriter
	Version string // of the program, for the instrumentation scope
}

var _ bridge.RunningExporter = Lines{}

// ExportRunning implements [bridge.RunningExporter].
func (l Lines) ExportRunning(_ context.Context, batch []bridge.Running) error {
	line, err := EncodeJSON(batch, l.Version)
	if err != nil {
		return err
	}
	return l.To.WriteLine(line)
}
