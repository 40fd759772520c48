// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
)

// NewClient chooses the transport of spans by the OTEL_EXPORTER_OTLP_*
// variables, which the SDK's exporters do not. Where no
// endpoint is named they would use TLS, to a backend on this machine.
func NewClient() otlptrace.Client {
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
