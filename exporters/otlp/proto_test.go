// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"strings"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/spanbridge/spanbridge/bridge"
)

// The reference: the same mapping with the official types, as plain as can be.

type reference struct{ version, schema string }

func (r reference) request(batch []bridge.Span) *coltracepb.ExportTraceServiceRequest {
	request := &coltracepb.ExportTraceServiceRequest{}
	scopes := map[*bridge.Resource]*tracepb.ScopeSpans{}
	for _, s := range batch {
		scope, ok := scopes[s.Resource]
		if !ok {
			scope = &tracepb.ScopeSpans{
				Scope:     &commonpb.InstrumentationScope{Name: scopeName, Version: r.version},
				SchemaUrl: r.schema,
			}
			scopes[s.Resource] = scope
			resource := &resourcepb.Resource{}
			if s.Resource != nil {
				resource.Attributes = pbAttrs(s.Resource.Attrs)
			}
			request.ResourceSpans = append(request.ResourceSpans, &tracepb.ResourceSpans{
				Resource: resource, ScopeSpans: []*tracepb.ScopeSpans{scope}, SchemaUrl: r.schema,
			})
		}
		scope.Spans = append(scope.Spans, pbSpan(s))
	}
	return request
}

func pbSpan(s bridge.Span) *tracepb.Span {
	span := &tracepb.Span{
		TraceId:           s.TraceID[:],
		SpanId:            s.SpanID[:],
		TraceState:        valid(s.TraceState),
		Flags:             s.Flags,
		Name:              valid(s.Name),
		Kind:              tracepb.Span_SpanKind(s.Kind),
		StartTimeUnixNano: uint64(max(0, s.StartNs)),
		EndTimeUnixNano:   uint64(max(0, s.EndNs)),
		Attributes:        pbAttrs(s.Attrs),
		Status:            &tracepb.Status{Code: tracepb.Status_StatusCode(s.Status), Message: valid(s.StatusText)},
	}
	if !s.Parent.IsZero() {
		span.ParentSpanId = s.Parent[:]
	}
	for _, l := range s.Links {
		span.Links = append(span.Links, &tracepb.Span_Link{
			TraceId: l.TraceID[:], SpanId: l.SpanID[:], TraceState: valid(l.TraceState),
			Flags: l.Flags, Attributes: pbAttrs(l.Attrs),
		})
	}
	return span
}

func pbAttrs(attrs []bridge.Attr) []*commonpb.KeyValue {
	var list []*commonpb.KeyValue
	for _, a := range attrs {
		value := &commonpb.AnyValue{}
		switch a.Kind() {
		case bridge.KindString:
			value.Value = &commonpb.AnyValue_StringValue{StringValue: valid(a.Str())}
		case bridge.KindInt:
			value.Value = &commonpb.AnyValue_IntValue{IntValue: a.Int()}
		case bridge.KindBool:
			value.Value = &commonpb.AnyValue_BoolValue{BoolValue: a.Bool()}
		case bridge.KindFloat:
			value.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: a.Float()}
		}
		list = append(list, &commonpb.KeyValue{Key: valid(a.Key), Value: value})
	}
	return list
}

// valid repairs rune by rune, so as not to share the way of the encoder;
// strings.ToValidUTF8 makes one replacement of a run of bad bytes.
func valid(s string) string {
	var b strings.Builder
	bad := false
	for i, r := range s {
		if r == '\uFFFD' && !strings.HasPrefix(s[i:], "\uFFFD") {
			if !bad {
				b.WriteRune(r)
			}
			bad = true
			continue
		}
		bad = false
		b.WriteRune(r)
	}
	return b.String()
}
