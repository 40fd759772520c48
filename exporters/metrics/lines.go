// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// LineWriter takes one line at a time, without its newline, and keeps lines of
// several callers apart. It must not retain the line.
type LineWriter interface {
	WriteLine(line []byte) error
}

// NewLines starts a pipeline that writes one OTLP JSON ExportMetricsServiceRequest
// a line. It does not close w. The caller must call Shutdown.
func NewLines(w LineWriter, opts PipelineOptions) *Pipeline {
	return newPipeline(&lineExporter{out: w}, opts)
}

type lineExporter struct{ out LineWriter }

var _ sdkmetric.Exporter = (*lineExporter)(nil)

func (*lineExporter) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (*lineExporter) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

func (e *lineExporter) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	line, err := EncodeJSON(rm)
	if err != nil {
		return err
	}
	if err := e.out.WriteLine(line); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

func (*lineExporter) ForceFlush(context.Context) error { return nil }
func (*lineExporter) Shutdown(context.Context) error   { return nil }
