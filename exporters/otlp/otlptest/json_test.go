// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/testing/protocmp"
)

func TestJSONIsReadStrictly(t *testing.T) {
	wrap := func(span string) string { return `{"resourceSpans":[{"scopeSpans":[{"spans":[` + span + `]}]}]}` }
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"a span":                         {wrap(`{"traceId":"0102030405060708090a0b0c0d0e0f10","kind":2}`), true},
		"nothing":                        {`{}`, true},
		"ids in base64":                  {wrap(`{"traceId":"AQIDBAUGBwgJCgsMDQ4PEA=="}`), false},
		"enumerations by name":           {wrap(`{"kind":"SPAN_KIND_SERVER"}`), false},
		"unknown members":                {wrap(`{"trace_Id":"01"}`), false},
		"bytes that are not UTF-8":       {wrap(`{"name":"` + "\xff" + `"}`), false},
		"two requests":                   {`{}{}`, false},
		"half a request":                 {`{"resourceSpans":[`, false},
		"an attribute that is named so":  {wrap(`{"attributes":[{"key":"traceId","value":{"stringValue":"xyz"}}]}`), true},
		"an integer larger than 53 bits": {wrap(`{"attributes":[{"key":"n","value":{"intValue":"9223372036854775807"}}]}`), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := UnmarshalTracesJSON([]byte(test.text)); (err == nil) != test.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestJSONIDsAreHexadecimal(t *testing.T) {
	got, err := UnmarshalTracesJSON([]byte(
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0AFF","spanId":"01","parentSpanId":"","links":[{"spanId":"02"}]}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{
			TraceId: []byte{0x0a, 0xff}, SpanId: []byte{1}, Links: []*tracepb.Span_Link{{SpanId: []byte{2}}},
		}}}},
	}}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestMetricsJSONIsRead(t *testing.T) {
	got, err := UnmarshalMetricsJSON([]byte(
		`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","sum":{"aggregationTemporality":2,"dataPoints":[{"asInt":"3"}]}}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if name := got.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics()[0].GetName(); name != "m" {
		t.Errorf("metric %q", name)
	}
}
