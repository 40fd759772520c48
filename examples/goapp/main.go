// SPDX-License-Identifier: Apache-2.0

// Command goapp is a Go application whose statements carry its trace context.
// Run it against a server that spanbridge observes, with both exporting to the
// same backend, and the server's spans appear under the application's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/spanbridge/spanbridge/examples/goapp/shop"
	"go.opentelemetry.io/otel/attribute"
)

func main() {
	dsn := flag.String("dsn", "root@tcp(127.0.0.1:3306)/test", "data source name of the database")
	requests := flag.Int("requests", 5, "number of requests")
	flag.Parse()
	if err := run(context.Background(), *dsn, *requests); err != nil {
		fmt.Fprintln(os.Stderr, "goapp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn string, requests int) error {
	// Where to: OTEL_EXPORTER_OTLP_ENDPOINT, by default http://localhost:4318.
	exporter, err := otlptrace.New(ctx, otlptracehttp.NewClient())
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))),
	)
	defer provider.Shutdown(ctx)
	s, err := shop.Open(ctx, dsn, provider)
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range requests {
		if err := s.Checkout(ctx, fmt.Sprintf("customer%d@example.org", i), i%3+1); err != nil {
			return err
		}
	}
	if err := s.Report(ctx); err != nil {
		fmt.Println("the report failed, as it should:", err)
	}
	return provider.Shutdown(ctx)
}
