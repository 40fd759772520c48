// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

func TestSpansThatBreakTheProtocolAreFound(t *testing.T) {
	id := func(n int) []byte { return append(make([]byte, n-1), 1) }
	tests := map[string]struct {
		change func(*tracepb.Span)
		want   string
	}{
		"a good span":          {func(*tracepb.Span) {}, ""},
		"a short trace id":     {func(s *tracepb.Span) { s.TraceId = id(8) }, "bad trace id"},
		"an all-zero trace id": {func(s *tracepb.Span) { s.TraceId = make([]byte, 16) }, "bad trace id"},
		"an all-zero span id":  {func(s *tracepb.Span) { s.SpanId = make([]byte, 8) }, "bad span id"},
		"an all-zero parent":   {func(s *tracepb.Span) { s.ParentSpanId = make([]byte, 8) }, "bad parent span id"},
		"no name":              {func(s *tracepb.Span) { s.Name = "" }, "empty name"},
		"an end too early":     {func(s *tracepb.Span) { s.StartTimeUnixNano = 2 }, "ends before it starts"},
		"a link to nowhere":    {func(s *tracepb.Span) { s.Links = []*tracepb.Span_Link{{}} }, "link with a bad id"},
		"an attribute twice": {func(s *tracepb.Span) {
			s.Attributes = []*commonpb.KeyValue{{Key: "a"}, {Key: "a"}}
		}, `attribute key "a"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			span := &tracepb.Span{TraceId: id(16), SpanId: id(8), Name: "n", StartTimeUnixNano: 1, EndTimeUnixNano: 1}
			test.change(span)
			err := check(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{
				{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{span}}}},
			}})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v", err)
			}
		})
	}
}
