// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

func TestQueueIsBounded(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		for name, limit := range map[string]func(*Config){
			"by spans": func(c *Config) { c.QueueSpans = 30 },
			"by bytes": func(c *Config) { c.QueueBytes = 3 * 8 << 10; c.QueueSpans = 1 << 20 }, // 10 spans take 8 KiB
		} {
			t.Run(name, func(t *testing.T) {
				sink.SetFault(otlptest.Fault{Hang: true})
				c := configFor(p, sink)
				limit(&c)
				if p == ProtocolHTTPJSON && name == "by bytes" {
					c.QueueBytes *= 2
				}
				r := newRig(t, c)
				for range 8 {
					r.export(t, 10)
				}
				want := bridge.TallyCounts{Taken: 80}
				want.Dropped[bridge.DropQueueFull], want.Dropped[bridge.DropShutdown] = 50, 30
				r.close(t, 30*time.Millisecond, want)
				if r.lines.count("is full, 10 spans dropped") != 1 {
					t.Errorf("lines: %q", r.lines.all())
				}
			})
		}
	})
}

func TestRoomInTheQueueComesBack(t *testing.T) {
	sink := otlptest.Start(t, otlptest.Options{})
	c := configFor(ProtocolHTTPProtobuf, sink)
	c.QueueSpans, c.Compression = 30, CompressionGzip
	r := newRig(t, c)
	for range 20 {
		r.export(t, 30)
		waitFor(t, func() bool {
			r.queue.mu.Lock()
			defer r.queue.mu.Unlock()
			return r.queue.spans == 0
		})
	}
	if r.queue.bytes != 0 {
		t.Errorf("%d bytes are left in an empty queue", r.queue.bytes)
	}
	r.close(t, patient, acked(600))
}

func TestLargeBatchesAreSplit(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		c := configFor(p, sink)
		c.RequestBytes, c.Senders = 64<<10, 1
		r := newRig(t, c)
		batch := typicalBatch(1000)
		batch[500].Attrs = longSpan(100 << 10).Attrs // larger than a request by itself
		if err := r.Export(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		r.close(t, patient, acked(1000))
		for i, s := range sink.Spans() {
			if bridge.SpanID(s.SpanId) != batch[i].SpanID {
				t.Fatalf("span %d is out of order", i)
			}
		}
		if n := len(sink.Calls()); n < 8 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestExportDoesNotWaitForTheNetwork(t *testing.T) {
	sink := otlptest.Start(t, otlptest.Options{})
	sink.SetFault(otlptest.Fault{Hang: true})
	r := newRig(t, configFor(ProtocolGRPC, sink))
	start := time.Now()
	for range 200 {
		r.export(t, 10)
	}
	if took := time.Since(start); took > patient/4 {
		t.Errorf("200 batches took %v", took)
	}
	r.close(t, 10*time.Millisecond, dropped(bridge.DropShutdown, 2000))
}

func TestShutdownDeliversWhatIsQueued(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		sink.SetFault(otlptest.Fault{Status: 503, Code: codes.Unavailable, Times: 2})
		c := configFor(p, sink)
		c.InitialBackoff, c.MaxBackoff, c.MaxElapsed = 10*patient, 10*patient, 20*patient // cut short by the shutdown
		r := newRig(t, c)
		for range 20 {
			r.export(t, 10)
		}
		waitFor(t, func() bool { return len(sink.Calls()) >= 2 })
		r.close(t, patient, retried(acked(200), 2))
		if n := len(sink.Spans()); n != 200 {
			t.Errorf("%d spans arrived", n)
		}
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("second shutdown: %v", err)
		}
	})
}

func TestExportAfterShutdownIsCounted(t *testing.T) {
	sink := otlptest.Start(t, otlptest.Options{})
	r := newRig(t, configFor(ProtocolHTTPProtobuf, sink))
	if err := r.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := r.Export(context.Background(), typicalBatch(3)); !errors.Is(err, ErrShutdown) {
		t.Errorf("error %v", err)
	}
	if got, want := r.tally.Counts(), dropped(bridge.DropShutdown, 3); got != want {
		t.Errorf("ledger %+v", got)
	}
}

// Memory of requests is used again: what one sender still reads must not be
// written over by the next batch.
func TestNothingIsLostDoubledOrMixedUpUnderStress(t *testing.T) {
	for _, compression := range []Compression{CompressionNone, CompressionGzip} {
		t.Run(string(compression), func(t *testing.T) {
			forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
				c := configFor(p, sink)
				c.Compression, c.Senders = compression, 4
				r := newRig(t, c)
				want := make(map[bridge.SpanID]*tracepb.Span)
				for i := range 60 {
					if i%7 == 0 {
						sink.SetFault(otlptest.Fault{Status: 503, Code: codes.Unavailable, Times: 2})
					}
					batch := typicalBatch(1 + i*i%50)
					for j := range batch {
						batch[j].SpanID[6] = byte(i + 1)
						batch[j].Name = fmt.Sprintf("batch %d span %d", i, j)
						want[batch[j].SpanID] = pbSpan(batch[j])
					}
					if err := r.Export(context.Background(), batch); err != nil {
						t.Fatal(err)
					}
				}
				r.close(t, patient, retried(acked(uint64(len(want))), anyRetries))
				for _, s := range sink.Spans() {
					id := bridge.SpanID(s.SpanId)
					if !proto.Equal(want[id], s.Span) {
						t.Fatalf("want %v, got %v", want[id], s.Span)
					}
					delete(want, id)
				}
				if len(want) != 0 {
					t.Errorf("%d spans did not arrive", len(want))
				}
			})
		})
	}
}

func TestBuffersHaveRoomAndAreReused(t *testing.T) {
	var pool bufferPool
	for _, size := range []int{0, 1, 4096, 4097, 1 << 20, 1<<20 + 1, 1 << 26, 1<<26 + 1} {
		b := pool.get(size)
		if cap(b.data) < size || len(b.data) != 0 {
			t.Errorf("a buffer for %d bytes has %d of %d", size, len(b.data), cap(b.data))
		}
		if large := size > 1<<26; large != (b.pool == nil) || !large && size > 4096 && cap(b.data) >= 2*size {
			t.Errorf("a buffer for %d bytes has room for %d", size, cap(b.data))
		}
		b.ref()
		b.unref()
		if b.refs.Load() != 1 {
			t.Error("references are miscounted")
		}
		b.unref()
	}
}
