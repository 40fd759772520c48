// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/binary"
	"io"
	"testing"

	"github.com/spanbridge/spanbridge/bridge"
)

// BenchmarkFlood exports traces of one span as fast as it can, far above the
// drawing rate. One operation is one span.
func BenchmarkFlood(b *testing.B) {
	e := New(io.Discard, Options{}, nil)
	batch := make([]bridge.Span, 512)
	for i := range batch {
		batch[i] = query(1, 1)
	}
	b.ReportAllocs()
	var n uint64
	for b.Loop() {
		k := n % 512
		n++
		binary.LittleEndian.PutUint64(batch[k].TraceID[:], n)
		if k == 511 {
			_ = e.Export(context.Background(), batch)
		}
	}
	if err := e.Shutdown(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRender draws a trace of six spans.
func BenchmarkRender(b *testing.B) {
	spans := request()
	b.ReportAllocs()
	for b.Loop() {
		if err := Render(io.Discard, spans, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
