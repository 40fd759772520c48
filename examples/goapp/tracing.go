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
// to http://localhost:4318, and prints requests that are done.
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

// newClient chooses the transport, which the SDK's exporters do not. Where no
// endpoint is named they would use TLS, to a backend on this machine.
func newClient() otlptrace.Client {
	named := firstEnv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") != ""
	if firstEnv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		if named {
			return otlptracegrpc.NewClient()
		}
		return otlptracegrpc.NewClient(otlptracegrpc.WithEndpointURL("http://localhost:4317"))
	}
	if named {
		return otlptracehttp.NewClient()
	}
	return otlptracehttp.NewClient(otlptracehttp.WithEndpointURL("http://localhost:4318/v1/traces"))
}

// firstEnv returns the first variable that is not empty.
func firstEnv(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
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
