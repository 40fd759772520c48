// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/spanbridge/spanbridge/bridge"
)

// Endpoints when the environment names none, as the OTLP exporter specification
// sets them. The SDK's exporters would default to TLS.
const (
	defaultEndpointHTTP = "http://localhost:4318/v1/logs"
	defaultEndpointGRPC = "http://localhost:4317"
)

// maxProviders bounds how many servers are kept apart at a time.
const maxProviders = 256

// OTLP delivers log records to an OTLP receiver. It implements
// [bridge.RunningExporter] and never waits for the network.
type OTLP struct {
	exporter sdklog.Exporter
	version  string

	mu        sync.Mutex
	providers map[*bridge.Resource]*sdklog.LoggerProvider // a provider has one resource
}

var _ bridge.RunningExporter = (*OTLP)(nil)

// NewOTLP sets up the delivery. OTEL_EXPORTER_OTLP_LOGS_PROTOCOL, else
// OTEL_EXPORTER_OTLP_PROTOCOL, chooses between http/protobuf, the default, and grpc;
// the SDK's exporters read the other OTEL_EXPORTER_OTLP_* variables. It does not wait
// for the receiver. The caller must call Shutdown.
func NewOTLP(ctx context.Context, version string) (*OTLP, error) {
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up OTLP logs: %w", err)
	}
	return &OTLP{exporter: exporter, version: version, providers: make(map[*bridge.Resource]*sdklog.LoggerProvider)}, nil
}

func newExporter(ctx context.Context) (sdklog.Exporter, error) {
	bare := firstEnv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" &&
		firstEnv("OTEL_EXPORTER_OTLP_LOGS_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE") == ""
	switch protocol := firstEnv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "", "http/protobuf":
		var options []otlploghttp.Option
		if bare {
			options = append(options, otlploghttp.WithEndpointURL(defaultEndpointHTTP))
		}
		return otlploghttp.New(ctx, options...)
	case "grpc":
		var options []otlploggrpc.Option
		if bare {
			options = append(options, otlploggrpc.WithEndpointURL(defaultEndpointGRPC))
		}
		return otlploggrpc.New(ctx, options...)
	default:
		return nil, fmt.Errorf("use protocol %q: want http/protobuf or grpc; set OTEL_EXPORTER_OTLP_LOGS_PROTOCOL for logs alone", protocol)
	}
}

// firstEnv returns the first variable that is set and not empty. An empty value
// counts as unset: OpenTelemetry's environment variable specification.
func firstEnv(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

// ExportRunning hands the batch to the SDK's queue.
func (o *OTLP) ExportRunning(ctx context.Context, batch []bridge.Running) error {
	for i := range batch {
		span := &batch[i].Span
		logger := o.provider(ctx, span.Resource).Logger(scopeName, log.WithInstrumentationVersion(o.version))
		of := trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID(span.TraceID), SpanID: trace.SpanID(span.SpanID), TraceFlags: trace.TraceFlags(span.Flags & 0xff),
		})
		logger.Emit(trace.ContextWithSpanContext(ctx, of), recordOf(&batch[i]))
	}
	return nil
}

func (o *OTLP) provider(ctx context.Context, r *bridge.Resource) *sdklog.LoggerProvider {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.providers[r]; p != nil {
		return p
	}
	if len(o.providers) >= maxProviders {
		for old, p := range o.providers {
			delete(o.providers, old)
			go p.Shutdown(context.WithoutCancel(ctx)) // delivers what it holds
			break
		}
	}
	p := sdklog.NewLoggerProvider(
		sdklog.WithResource(resource.NewSchemaless(attributesOf(r.Attrs)...)),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(shared{o.exporter})),
	)
	o.providers[r] = p
	return p
}

// Shutdown delivers what is queued, within ctx.
func (o *OTLP) Shutdown(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, p := range o.providers {
		errs = append(errs, p.Shutdown(ctx))
	}
	clear(o.providers)
	if err := errors.Join(append(errs, o.exporter.Shutdown(ctx))...); err != nil {
		return fmt.Errorf("shut down logs: %w", err)
	}
	return nil
}

// shared is the exporter of all providers, which none of them ends.
type shared struct{ sdklog.Exporter }

func (shared) Shutdown(context.Context) error { return nil }
