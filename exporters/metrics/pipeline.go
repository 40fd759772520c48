// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// PipelineOptions tell where metrics come from.
type PipelineOptions struct {
	Producer sdkmetric.Producer // required
	Resource *resource.Resource // nil means the SDK's default
	// Logf is told when the metrics cannot be delivered and when they can be
	// again. It may be nil.
	Logf func(format string, args ...any)
}

// Pipeline collects metrics in the interval that OTEL_METRIC_EXPORT_INTERVAL
// (milliseconds, default 60000) asks for, within OTEL_METRIC_EXPORT_TIMEOUT
// (default 30000), and exports them. Delivery that fails is logged once and
// tried again with the next, cumulative collection: nothing is lost by it.
type Pipeline struct {
	provider *sdkmetric.MeterProvider
}

func newPipeline(exporter sdkmetric.Exporter, opts PipelineOptions) *Pipeline {
	logf := opts.Logf
	if logf == nil {
		logf = func(string, ...any) {}
	}
	reader := sdkmetric.NewPeriodicReader(
		&reporter{Exporter: exporter, logf: logf},
		sdkmetric.WithProducer(opts.Producer),
	)
	settings := []sdkmetric.Option{sdkmetric.WithReader(reader)}
	if opts.Resource != nil {
		settings = append(settings, sdkmetric.WithResource(opts.Resource))
	}
	return &Pipeline{provider: sdkmetric.NewMeterProvider(settings...)}
}

// Flush collects and exports now.
func (p *Pipeline) Flush(ctx context.Context) error {
	if err := p.provider.ForceFlush(ctx); err != nil {
		return fmt.Errorf("flush metrics: %w", err)
	}
	return nil
}

// Shutdown collects and exports a last time, within ctx, and stops. It must be
// called once, while the producer's source can still be read.
func (p *Pipeline) Shutdown(ctx context.Context) error {
	if err := p.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("shut down metrics: %w", err)
	}
	return nil
}

// reporter logs changes between working and failing delivery. The SDK hands
// failures to a global handler, once for every interval; here they end.
type reporter struct {
	sdkmetric.Exporter
	logf    func(format string, args ...any)
	failing bool // the reader exports one collection at a time
}

func (r *reporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := r.Exporter.Export(ctx, rm)
	switch {
	case err != nil && !r.failing && takesNoMetrics(err):
		r.logf("the backend takes no metrics: %v; spans are not affected", err)
	case err != nil && !r.failing:
		r.logf("deliver metrics: %v; retried with the next collection", err)
	case err == nil && r.failing:
		r.logf("metrics are delivered again")
	}
	r.failing = err != nil
	return nil
}
