// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

func unmarshal(t testing.TB, data []byte) *coltracepb.ExportTraceServiceRequest {
	t.Helper()
	request := &coltracepb.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(data, request); err != nil {
		t.Fatalf("the official types refuse the request: %v", err)
	}
	return request
}

// requireEqual makes a diff only where there is one: that takes long.
func requireEqual(t testing.TB, what string, want, got proto.Message) {
	t.Helper()
	if !proto.Equal(want, got) {
		t.Fatalf("%s, want -, got +:\n%s", what, cmp.Diff(want, got, protocmp.Transform()))
	}
}

func encoderBatches() map[string][]bridge.Span {
	elsewhere := plainSpan()
	elsewhere.Resource = otherResource
	nowhere := plainSpan()
	nowhere.Resource = nil
	bad := fullSpan()
	bad.Name, bad.TraceState, bad.StatusText = "a\xffb", "\xc3", "\xed\xa0\x80 surrogate"
	bad.Attrs = append(bad.Attrs, bridge.String("cut\xe2\x82", "half a rune \xe2\x82"), bridge.Int("\xfe", 1))
	bad.Links[0].TraceState = "x=\xff"
	bad.Links[0].Attrs = []bridge.Attr{bridge.String("k\xff", "v\xff\xffw")}
	bad.Resource = &bridge.Resource{Attrs: []bridge.Attr{bridge.String("host.name\xff", "\xff")}}
	before1970 := plainSpan()
	before1970.StartNs, before1970.EndNs = -5, -1
	return map[string][]bridge.Span{
		"no span":                         nil,
		"a span with every field":         {fullSpan()},
		"a span with the least":           {plainSpan()},
		"an all-zero span":                {{}},
		"resources that alternate":        {plainSpan(), elsewhere, fullSpan(), nowhere, elsewhere, plainSpan()},
		"strings that are not UTF-8":      {plainSpan(), bad, fullSpan()},
		"times before 1970":               {before1970},
		"lengths around varint limits":    {longSpan(100), longSpan(127), longSpan(128), longSpan(16_250), longSpan(16_384), longSpan(1 << 21)},
		"a typical batch of 300 spans":    typicalBatch(300),
		"a text of one MiB in mid-batch":  {plainSpan(), longSpan(1 << 20), plainSpan()},
		"a resource shared, not repeated": {plainSpan(), plainSpan(), plainSpan()},
	}
}

func TestEncoderEqualsTheOfficialTypes(t *testing.T) {
	for name, batch := range encoderBatches() {
		for _, ref := range []reference{{}, {version: "1.2.3", schema: "https://opentelemetry.io/schemas/1.43.0"}} {
			t.Run(fmt.Sprintf("%s, version %q", name, ref.version), func(t *testing.T) {
				e := &Encoder{Version: ref.version, SchemaURL: ref.schema}
				want := ref.request(batch)
				for round := range 3 { // the encoder keeps state from batch to batch
					got := unmarshal(t, e.Encode(nil, batch))
					requireEqual(t, fmt.Sprintf("round %d", round), want, got)
				}
			})
		}
	}
}

func TestEncoderComputesTheExactSize(t *testing.T) {
	for name, batch := range encoderBatches() {
		t.Run(name, func(t *testing.T) {
			e := &Encoder{Version: "1"}
			size := e.prepare(batch)
			if got := len(e.write(nil)); got != size {
				t.Errorf("announced %d bytes, wrote %d", size, got)
			}
		})
	}
}

func TestEncoderAppendsToWhatIsThere(t *testing.T) {
	e := &Encoder{}
	alone := e.Encode(nil, []bridge.Span{fullSpan()})
	got := e.Encode([]byte("before"), []bridge.Span{fullSpan()})
	if diff := cmp.Diff("before"+string(alone), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestEncoderKeepsNothingOfTheBatch(t *testing.T) {
	for name, e := range map[string]interface {
		Encode([]byte, []bridge.Span) []byte
		held() *grouper
	}{"binary": &Encoder{}, "json": &JSONEncoder{}} {
		t.Run(name, func(t *testing.T) {
			e.Encode(nil, []bridge.Span{fullSpan(), plainSpan()})
			g := e.held()
			for _, entry := range g.entries[:cap(g.entries)] {
				if entry.span != nil {
					t.Fatal("a span is still referred to")
				}
			}
		})
	}
}

func (g *grouper) held() *grouper { return g }

// Each place for a string is bad on its own, so that none is overlooked.
func TestEveryStringIsRepaired(t *testing.T) {
	for name, spoil := range map[string]func(*bridge.Span){
		"name":             func(s *bridge.Span) { s.Name += "\xff" },
		"trace state":      func(s *bridge.Span) { s.TraceState += "\xff" },
		"status text":      func(s *bridge.Span) { s.StatusText += "\xff" },
		"key":              func(s *bridge.Span) { s.Attrs[0].Key += "\xff" },
		"value":            func(s *bridge.Span) { s.Attrs[0] = bridge.String("k", "\xff") },
		"link trace state": func(s *bridge.Span) { s.Links[1].TraceState = "\xff" },
		"link key":         func(s *bridge.Span) { s.Links[0].Attrs[1].Key += "\xff" },
		"link value":       func(s *bridge.Span) { s.Links[0].Attrs[0] = bridge.String("k", "\xff") },
		"resource key":     func(s *bridge.Span) { s.Resource = &bridge.Resource{Attrs: []bridge.Attr{bridge.Int("\xff", 1)}} },
		"resource value":   func(s *bridge.Span) { s.Resource = &bridge.Resource{Attrs: []bridge.Attr{bridge.String("k", "\xff")}} },
	} {
		t.Run(name, func(t *testing.T) {
			span := fullSpan()
			spoil(&span)
			batch := []bridge.Span{span}
			want := reference{}.request(batch)
			requireEqual(t, "binary", want, unmarshal(t, (&Encoder{}).Encode(nil, batch)))
			got, err := otlptest.UnmarshalTracesJSON((&JSONEncoder{}).Encode(nil, batch))
			if err != nil {
				t.Fatal(err)
			}
			requireEqual(t, "json", want, got)
		})
	}
}

func TestEncoderBoundsItsResourceCache(t *testing.T) {
	e := &Encoder{}
	for range 3 * maxCachedResources {
		span := plainSpan()
		span.Resource = &bridge.Resource{}
		e.Encode(nil, []bridge.Span{span})
	}
	if n := len(e.resources); n > maxCachedResources {
		t.Errorf("%d resources are cached, the limit is %d", n, maxCachedResources)
	}
}

func TestEncodersAllocateNothingInTheSteadyState(t *testing.T) {
	batch := typicalBatch(100)
	batch[50].Resource = otherResource
	for name, e := range map[string]interface {
		Encode([]byte, []bridge.Span) []byte
	}{"binary": &Encoder{}, "json": &JSONEncoder{}} {
		t.Run(name, func(t *testing.T) {
			dst := e.Encode(nil, batch)
			if n := testing.AllocsPerRun(100, func() { dst = e.Encode(dst[:0], batch) }); n != 0 {
				t.Errorf("%v allocations a batch", n)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	const spans = 2048
	batch := typicalBatch(spans)
	perSpan := func(b *testing.B, size int) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*spans), "ns/span")
		b.ReportMetric(float64(size)/spans, "B/span")
	}
	b.Run("binary", func(b *testing.B) {
		e, dst := &Encoder{}, []byte(nil)
		b.ReportAllocs()
		for b.Loop() {
			dst = e.Encode(dst[:0], batch)
		}
		perSpan(b, len(dst))
	})
	b.Run("json", func(b *testing.B) {
		e, dst := &JSONEncoder{}, []byte(nil)
		b.ReportAllocs()
		for b.Loop() {
			dst = e.Encode(dst[:0], batch)
		}
		perSpan(b, len(dst))
	})
	b.Run("official types", func(b *testing.B) {
		var dst []byte
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if dst, err = (proto.MarshalOptions{}).MarshalAppend(dst[:0], reference{}.request(batch)); err != nil {
				b.Fatal(err)
			}
		}
		perSpan(b, len(dst))
	})
}
