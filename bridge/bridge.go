// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Bounds of a batch.
const (
	maxBatch    = 2048
	maxBatchAge = 500 * time.Millisecond
)

// Bridge carries records from a source through an assembler to exporters.
type Bridge struct {
	Source    Source
	Assembler *Assembler
	Exporters []Exporter
	// OpenAfter is from which age on operations are told to Running while they go on;
	// 0 means never.
	OpenAfter time.Duration
	Running   []RunningExporter
	// MaxAge is how long a span may wait for its batch; 0 means half a second.
	MaxAge time.Duration
	// Logf is told of batches that an exporter could not take. Nil: nobody is.
	Logf func(format string, args ...any)

	told running
}

// Run carries records until the source ends, and returns nil, or until it
// fails. It does not shut the exporters down.
func (b *Bridge) Run(ctx context.Context) error {
	if b.MaxAge == 0 {
		b.MaxAge = maxBatchAge
	}
	var r Record
	since := time.Now()
	for {
		err := b.Source.Next(&r)
		switch {
		case err == nil:
			b.Assembler.Add(&r)
		case errors.Is(err, io.EOF):
			b.Assembler.FlushHeld()
			b.flush(ctx)
			return nil
		case !errors.Is(err, ErrIdle):
			b.flush(ctx)
			return fmt.Errorf("read records: %w", err)
		}
		if len(b.Assembler.Spans()) >= maxBatch || time.Since(since) >= b.MaxAge {
			b.flush(ctx)
			since = time.Now()
			b.look(ctx)
		}
	}
}

func (b *Bridge) flush(ctx context.Context) {
	if batch := b.Assembler.Spans(); len(batch) > 0 {
		for _, e := range b.Exporters {
			if err := e.Export(ctx, batch); err != nil && b.Logf != nil {
				b.Logf("export %d spans: %v", len(batch), err)
			}
		}
	}
	b.Assembler.Reset()
}
