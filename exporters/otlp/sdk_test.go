// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

// The OpenTelemetry SDK's exporter and ours must put the same spans on the
// wire in the same way.
func TestEqualsTheSDKExporter(t *testing.T) {
	const version, schema = "1.2.3", "https://opentelemetry.io/schemas/1.43.0"
	batch := []bridge.Span{fullSpan(), plainSpan()}
	for i := range batch[0].Links {
		batch[0].Links[i].TraceState = "" // the SDK's exporter (v1.47.0) leaves it out
	}
	batch = append(batch, typicalBatch(20)...)
	var snapshots []sdktrace.ReadOnlySpan
	for _, s := range batch {
		stub := sdkSpan(t, s)
		stub.InstrumentationScope = instrumentation.Scope{Name: scopeName, Version: version, SchemaURL: schema}
		stub.Resource = resource.NewWithAttributes(schema, sdkAttrs(s.Resource.Attrs)...)
		snapshots = append(snapshots, stub.Snapshot())
	}

	clients := map[Protocol]func(*otlptest.Sink) otlptrace.Client{
		ProtocolGRPC: func(sink *otlptest.Sink) otlptrace.Client {
			return otlptracegrpc.NewClient(otlptracegrpc.WithEndpointURL(sink.GRPCEndpoint()))
		},
		ProtocolHTTPProtobuf: func(sink *otlptest.Sink) otlptrace.Client {
			return otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(sink.HTTPEndpoint() + "/v1/traces"))
		},
	}
	for p, client := range clients {
		t.Run(string(p), func(t *testing.T) {
			ctx := context.Background()
			sink := otlptest.Start(t, otlptest.Options{})
			theirs, err := otlptrace.New(ctx, client(sink))
			if err != nil {
				t.Fatal(err)
			}
			if err := theirs.ExportSpans(ctx, snapshots); err != nil {
				t.Fatal(err)
			}
			if err := theirs.Shutdown(ctx); err != nil {
				t.Fatal(err)
			}
			c := configFor(p, sink)
			c.Version, c.SchemaURL = version, schema
			ours := newRig(t, c)
			if err := ours.Export(ctx, batch); err != nil {
				t.Fatal(err)
			}
			ours.close(t, patient, acked(uint64(len(batch))))
			requests := sink.Traces()
			if len(requests) != 2 {
				t.Fatalf("%d requests arrived", len(requests))
			}
			requireEqual(t, "SDK's request against ours", requests[0], requests[1])
		})
	}
}

func sdkSpan(t *testing.T, s bridge.Span) tracetest.SpanStub {
	t.Helper()
	stub := tracetest.SpanStub{
		Name:        s.Name,
		SpanContext: sdkContext(t, s.TraceID, s.SpanID, s.TraceState, s.Flags&^bridge.FlagIsRemote),
		Parent:      sdkContext(t, s.TraceID, s.Parent, "", s.Flags),
		SpanKind:    trace.SpanKind(s.Kind), // the same numbers
		StartTime:   time.Unix(0, s.StartNs),
		EndTime:     time.Unix(0, s.EndNs),
		Attributes:  sdkAttrs(s.Attrs),
	}
	if s.Status == bridge.StatusError {
		stub.Status = sdktrace.Status{Code: otelcodes.Error, Description: s.StatusText}
	}
	for _, l := range s.Links {
		stub.Links = append(stub.Links, sdktrace.Link{
			SpanContext: sdkContext(t, l.TraceID, l.SpanID, l.TraceState, l.Flags), Attributes: sdkAttrs(l.Attrs),
		})
	}
	return stub
}

func sdkContext(t *testing.T, traceID bridge.TraceID, spanID bridge.SpanID, state string, flags uint32) trace.SpanContext {
	t.Helper()
	parsed, err := trace.ParseTraceState(state)
	if err != nil {
		t.Fatal(err)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(traceID), SpanID: trace.SpanID(spanID), TraceState: parsed,
		TraceFlags: trace.TraceFlags(flags & 0xff), Remote: flags&bridge.FlagIsRemote != 0,
	})
}

func sdkAttrs(attrs []bridge.Attr) []attribute.KeyValue {
	var list []attribute.KeyValue
	for _, a := range attrs {
		switch a.Kind() {
		case bridge.KindString:
			list = append(list, attribute.String(a.Key, a.Str()))
		case bridge.KindInt:
			list = append(list, attribute.Int64(a.Key, a.Int()))
		case bridge.KindBool:
			list = append(list, attribute.Bool(a.Key, a.Bool()))
		case bridge.KindFloat:
			list = append(list, attribute.Float64(a.Key, a.Float()))
		}
	}
	return list
}
