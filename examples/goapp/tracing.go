// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/spanbridge/spanbridge/examples/goapp/shop"
)

// newProvider exports spans as the OTEL_EXPORTER_OTLP_* variables say, by default
// to http://localhost:4318, and prints requests that are done.
func newProvider(ctx context.Context, out io.Writer) (*sdktrace.TracerProvider, error) {
	exporter, err := otlptrace.New(ctx, shop.NewClient())
	if err != nil {
		return nil, fmt.Errorf("set up export of spans: %w", err)
	}
	// Later ones win: OTEL_SERVICE_NAME replaces the name here.
	described, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("shop")), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describe the application: %w", err)
	}
	return sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSpanProcessor(printer{out}),
		sdktrace.WithResource(described),
	), nil
}

// printer prints the trace ids of finished requests, to look them up by.
type printer struct{ out io.Writer }

func (p printer) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (p printer) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanKind() == trace.SpanKindServer {
		fmt.Fprintf(p.out, "trace %s  %8v  %s\n", s.SpanContext().TraceID(),
			s.EndTime().Sub(s.StartTime()).Round(10*time.Microsecond), s.Name())
	}
}

func (p printer) Shutdown(context.Context) error { return nil }

func (p printer) ForceFlush(context.Context) error { return nil }
