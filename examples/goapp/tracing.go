// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// newProvider exports spans as the OTEL_EXPORTER_OTLP_* variables say, by default
// to http://localhost:4318, and prints finished requests.
func newProvider(ctx context.Context, out io.Writer) (*sdktrace.TracerProvider, error) {
	exporter, err := otlptrace.New(ctx, newClient())
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

// newClient chooses the transport, as the SDK's own exporters do not.
func newClient() otlptrace.Client {
	protocol, ok := os.LookupEnv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if !ok {
		protocol = os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	if protocol == "grpc" {
		return otlptracegrpc.NewClient()
	}
	return otlptracehttp.NewClient()
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
