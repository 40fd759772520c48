// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"errors"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp"
)

// Exporter writes each batch as one line of OTLP JSON. It implements
// [bridge.Exporter]. The exported fields may be set before the first use.
type Exporter struct {
	// Version is the program's version, for the instrumentation scope.
	Version string
	// SchemaURL names the semantic conventions that attributes follow.
	SchemaURL string
	// Logf is told when writing begins to fail and when it works again. Nil
	// discards.
	Logf func(format string, args ...any)

	writer  *Writer
	tally   *bridge.Tally
	encoder otlp.JSONEncoder
	line    []byte
	failing bool
	lost    int // since failing
}

var _ bridge.Exporter = (*Exporter)(nil)

// New opens the file at path, or standard output for [Stdout]. Shutdown closes
// it. tally counts what becomes of the spans; nil discards the counts.
func New(path string, tally *bridge.Tally) (*Exporter, error) {
	w, err := Open(path)
	if err != nil {
		return nil, err
	}
	if tally == nil {
		tally = new(bridge.Tally)
	}
	return &Exporter{writer: w, tally: tally}, nil
}

// Writer returns the writer of the file, for further lines. It works until
// Shutdown.
func (x *Exporter) Writer() *Writer { return x.writer }

// Export writes the batch and returns once the system has it. Spans that could
// not be written are counted as dropped, which is no error. After Shutdown they
// are dropped with [ErrClosed].
func (x *Exporter) Export(_ context.Context, batch []bridge.Span) error {
	if len(batch) == 0 {
		return nil
	}
	x.tally.Take(len(batch))
	x.encoder.Version, x.encoder.SchemaURL = x.Version, x.SchemaURL
	x.line = x.encoder.Encode(x.line[:0], batch)
	err := x.writer.WriteLine(x.line)
	switch {
	case err == nil:
		x.tally.Ack(len(batch))
		x.recovered()
		return nil
	case errors.Is(err, ErrClosed):
		x.tally.Drop(bridge.DropShutdown, len(batch))
		return err
	default:
		x.tally.Drop(bridge.DropEncode, len(batch))
		x.failed(err, len(batch))
		return nil
	}
}

func (x *Exporter) failed(err error, spans int) {
	x.lost += spans
	if x.failing {
		return
	}
	x.failing = true
	x.logf("%v; spans are dropped until it works again", err)
}

func (x *Exporter) recovered() {
	if !x.failing {
		return
	}
	x.logf("writing to %s works again, %d spans were dropped", x.writer.path, x.lost)
	x.failing, x.lost = false, 0
}

func (x *Exporter) logf(format string, args ...any) {
	if x.Logf != nil {
		x.Logf(format, args...)
	}
}

// Shutdown closes the file. Nothing is queued.
func (x *Exporter) Shutdown(context.Context) error { return x.writer.Close() }
