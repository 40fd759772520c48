// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/examples/goapp/shop"
)

const shopService = "shop"

// keeper is an exporter that keeps spans in memory.
type keeper struct {
	spans []bridge.Span
	tally bridge.Tally
}

func (k *keeper) Export(_ context.Context, batch []bridge.Span) error {
	for _, s := range batch {
		s.Attrs, s.Links = slices.Clone(s.Attrs), slices.Clone(s.Links)
		k.spans = append(k.spans, s)
	}
	k.tally.Take(len(batch))
	k.tally.Ack(len(batch))
	return nil
}

func (k *keeper) Shutdown(context.Context) error { return nil }

// application is the tracing of the demo's application, by OpenTelemetry's SDK.
type application struct {
	provider *sdktrace.TracerProvider
	memory   *tracetest.InMemoryExporter
	resource *bridge.Resource
}

// newApplication keeps the application's spans in memory and, if they are to be
// exported, also sends them to the backend that the bridge's own spans go to.
func newApplication(ctx context.Context, export bool) (*application, error) {
	memory := tracetest.NewInMemoryExporter()
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithSyncer(memory),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", shopService))),
	}
	if export {
		exporter, err := otlptrace.New(ctx, shop.NewClient())
		if err != nil {
			return nil, fmt.Errorf("export the application's spans: %w", err)
		}
		options = append(options, sdktrace.WithBatcher(exporter))
	}
	return &application{
		memory: memory, provider: sdktrace.NewTracerProvider(options...),
		resource: &bridge.Resource{Attrs: []bridge.Attr{bridge.String("service.name", shopService)}},
	}, nil
}

func (a *application) forget() { a.memory.Reset() }

// spans returns the application's spans in the form that the bridge's have.
func (a *application) spans() []bridge.Span {
	var all []bridge.Span
	for _, s := range a.memory.GetSpans() {
		out := bridge.Span{
			TraceID: bridge.TraceID(s.SpanContext.TraceID()), SpanID: bridge.SpanID(s.SpanContext.SpanID()),
			Parent: bridge.SpanID(s.Parent.SpanID()), Flags: bridge.FlagHasIsRemote | bridge.FlagSampled,
			Name: s.Name, Kind: bridge.Kind(s.SpanKind), StartNs: s.StartTime.UnixNano(), EndNs: s.EndTime.UnixNano(),
			Resource: a.resource,
		}
		if s.Status.Code == codes.Error {
			out.Status, out.StatusText = bridge.StatusError, s.Status.Description
		}
		for _, kv := range s.Attributes {
			out.Attrs = append(out.Attrs, bridge.String(string(kv.Key), kv.Value.String()))
		}
		all = append(all, out)
	}
	return all
}

func serviceOf(s *bridge.Span) string {
	for _, a := range s.Resource.Attrs {
		if a.Key == "service.name" {
			return a.Str()
		}
	}
	return ""
}
