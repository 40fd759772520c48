// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Endpoints when the environment names none, as the OTLP exporter
// specification sets them. The SDK's exporters would default to TLS.
const (
	defaultEndpointHTTP = "http://localhost:4318/v1/metrics"
	defaultEndpointGRPC = "http://localhost:4317"
)

// NewOTLP starts a pipeline to an OTLP receiver. OTEL_EXPORTER_OTLP_METRICS_PROTOCOL,
// else OTEL_EXPORTER_OTLP_PROTOCOL, chooses between http/protobuf, the default,
// and grpc; the SDK's exporters read the other OTEL_EXPORTER_OTLP_* variables. It
// does not wait for the receiver. The caller must call Shutdown.
func NewOTLP(ctx context.Context, opts PipelineOptions) (*Pipeline, error) {
	exporter, err := newOTLPExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up OTLP metrics: %w", err)
	}
	return newPipeline(exporter, opts), nil
}

func newOTLPExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	bare := firstEnv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" &&
		firstEnv("OTEL_EXPORTER_OTLP_METRICS_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE") == ""
	switch protocol := firstEnv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "", "http/protobuf":
		var options []otlpmetrichttp.Option
		if bare {
			options = append(options, otlpmetrichttp.WithEndpointURL(defaultEndpointHTTP))
		}
		return otlpmetrichttp.New(ctx, options...)
	case "grpc":
		var options []otlpmetricgrpc.Option
		if bare {
			options = append(options, otlpmetricgrpc.WithEndpointURL(defaultEndpointGRPC))
		}
		return otlpmetricgrpc.New(ctx, options...)
	default:
		return nil, fmt.Errorf("use protocol %q: want http/protobuf or grpc; set OTEL_EXPORTER_OTLP_METRICS_PROTOCOL for metrics alone", protocol)
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
