// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanbridge/spanbridge/exporters/otlpjson"
)

// The types below are ExportMetricsServiceRequest in OTLP's JSON encoding, in which
// enumerations are numbers and ids hexadecimal.
type (
	jsonRequest struct {
		ResourceMetrics []jsonResourceMetrics `json:"resourceMetrics"`
	}
	jsonResourceMetrics struct {
		Resource     otlpjson.Resource  `json:"resource"`
		ScopeMetrics []jsonScopeMetrics `json:"scopeMetrics"`
		SchemaURL    string             `json:"schemaUrl,omitempty"`
	}
	jsonScopeMetrics struct {
		Scope     otlpjson.Scope `json:"scope"`
		Metrics   []jsonMetric   `json:"metrics"`
		SchemaURL string         `json:"schemaUrl,omitempty"`
	}
	jsonMetric struct {
		Name        string    `json:"name"`
		Description string    `json:"description,omitempty"`
		Unit        string    `json:"unit,omitempty"`
		Gauge       *jsonData `json:"gauge,omitempty"`
		Sum         *jsonData `json:"sum,omitempty"`
		Histogram   *jsonData `json:"histogram,omitempty"`
	}
	jsonData struct {
		DataPoints  []jsonPoint `json:"dataPoints"`
		Temporality int         `json:"aggregationTemporality,omitempty"`
		IsMonotonic bool        `json:"isMonotonic,omitempty"`
	}
	jsonPoint struct {
		Attributes        []otlpjson.KeyValue `json:"attributes,omitempty"`
		StartTimeUnixNano string              `json:"startTimeUnixNano,omitempty"`
		TimeUnixNano      string              `json:"timeUnixNano"`
		AsInt             string              `json:"asInt,omitempty"`
		AsDouble          *float64            `json:"asDouble,omitempty"`
		Count             string              `json:"count,omitempty"`
		Sum               *float64            `json:"sum,omitempty"`
		BucketCounts      []string            `json:"bucketCounts,omitempty"`
		ExplicitBounds    []float64           `json:"explicitBounds,omitempty"`
		Exemplars         []jsonExemplar      `json:"exemplars,omitempty"`
	}
	jsonExemplar struct {
		TimeUnixNano string  `json:"timeUnixNano"`
		AsDouble     float64 `json:"asDouble"`
		SpanID       string  `json:"spanId,omitempty"`
		TraceID      string  `json:"traceId,omitempty"`
	}
)

// EncodeJSON returns rm as one ExportMetricsServiceRequest in OTLP's JSON
// encoding, without a newline. It knows the kinds of data that a [Producer]
// makes: sums and gauges of integers, sums and histograms of floating-point numbers.
func EncodeJSON(rm *metricdata.ResourceMetrics) ([]byte, error) {
	out := jsonResourceMetrics{
		Resource:  otlpjson.Resource{Attributes: jsonAttributes(rm.Resource.Set())},
		SchemaURL: rm.Resource.SchemaURL(),
	}
	for _, sm := range rm.ScopeMetrics {
		scope := jsonScopeMetrics{
			Scope:     otlpjson.Scope{Name: sm.Scope.Name, Version: sm.Scope.Version},
			SchemaURL: sm.Scope.SchemaURL,
		}
		for _, m := range sm.Metrics {
			jm, err := jsonMetricOf(m)
			if err != nil {
				return nil, err
			}
			scope.Metrics = append(scope.Metrics, jm)
		}
		out.ScopeMetrics = append(out.ScopeMetrics, scope)
	}
	line, err := json.Marshal(jsonRequest{ResourceMetrics: []jsonResourceMetrics{out}})
	if err != nil {
		return nil, fmt.Errorf("encode metrics as JSON: %w", err)
	}
	return line, nil
}

func jsonMetricOf(m metricdata.Metrics) (jsonMetric, error) {
	out := jsonMetric{Name: m.Name, Description: m.Description, Unit: m.Unit}
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		out.Gauge = &jsonData{DataPoints: jsonNumbers(data.DataPoints)}
	case metricdata.Sum[int64]:
		out.Sum = &jsonData{
			DataPoints:  jsonNumbers(data.DataPoints),
			Temporality: jsonTemporality(data.Temporality),
			IsMonotonic: data.IsMonotonic,
		}
	case metricdata.Sum[float64]:
		out.Sum = &jsonData{
			DataPoints:  jsonNumbers(data.DataPoints),
			Temporality: jsonTemporality(data.Temporality),
			IsMonotonic: data.IsMonotonic,
		}
	case metricdata.Histogram[float64]:
		out.Histogram = &jsonData{
			DataPoints:  jsonHistograms(data.DataPoints),
			Temporality: jsonTemporality(data.Temporality),
		}
	default:
		return out, fmt.Errorf("encode metric %s as JSON: unknown kind %T", m.Name, m.Data)
	}
	return out, nil
}

// jsonTemporality returns the number of OTLP's AggregationTemporality.
func jsonTemporality(t metricdata.Temporality) int {
	if t == metricdata.DeltaTemporality {
		return 1
	}
	return 2
}

func jsonNumbers[N int64 | float64](points []metricdata.DataPoint[N]) []jsonPoint {
	out := make([]jsonPoint, len(points))
	for i, p := range points {
		out[i] = jsonPoint{
			Attributes:        jsonAttributes(&p.Attributes),
			StartTimeUnixNano: jsonTime(p.StartTime),
			TimeUnixNano:      jsonTime(p.Time),
		}
		switch value := any(p.Value).(type) {
		case int64:
			out[i].AsInt = strconv.FormatInt(value, 10)
		case float64:
			out[i].AsDouble = &value
		}
	}
	return out
}

func jsonHistograms(points []metricdata.HistogramDataPoint[float64]) []jsonPoint {
	out := make([]jsonPoint, len(points))
	for i, p := range points {
		counts := make([]string, len(p.BucketCounts))
		for k, n := range p.BucketCounts {
			counts[k] = strconv.FormatUint(n, 10)
		}
		out[i] = jsonPoint{
			Attributes:        jsonAttributes(&p.Attributes),
			StartTimeUnixNano: jsonTime(p.StartTime),
			TimeUnixNano:      jsonTime(p.Time),
			Count:             strconv.FormatUint(p.Count, 10),
			Sum:               &p.Sum,
			BucketCounts:      counts,
			ExplicitBounds:    p.Bounds,
			Exemplars:         jsonExemplars(p.Exemplars),
		}
	}
	return out
}

func jsonExemplars(list []metricdata.Exemplar[float64]) []jsonExemplar {
	out := make([]jsonExemplar, len(list))
	for i, e := range list {
		out[i] = jsonExemplar{
			TimeUnixNano: jsonTime(e.Time),
			AsDouble:     e.Value,
			SpanID:       hex.EncodeToString(e.SpanID),
			TraceID:      hex.EncodeToString(e.TraceID),
		}
	}
	return out
}

// jsonTime leaves an unset time out: 0 means unknown in OTLP.
func jsonTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixNano(), 10)
}

func jsonAttributes(set *attribute.Set) []otlpjson.KeyValue {
	out := make([]otlpjson.KeyValue, 0, set.Len())
	for iter := set.Iter(); iter.Next(); {
		kv := iter.Attribute()
		out = append(out, otlpjson.KeyValue{Key: string(kv.Key), Value: jsonValueOf(kv.Value)})
	}
	return out
}

// jsonValueOf covers what resources and series hold: scalars and, from process
// detectors, lists of strings.
func jsonValueOf(v attribute.Value) otlpjson.Value {
	switch v.Type() {
	case attribute.BOOL:
		return otlpjson.Bool(v.AsBool())
	case attribute.INT64:
		return otlpjson.Int(v.AsInt64())
	case attribute.FLOAT64:
		return otlpjson.Double(v.AsFloat64())
	case attribute.STRINGSLICE:
		return otlpjson.Strings(v.AsStringSlice())
	case attribute.STRING:
		return otlpjson.String(v.AsString())
	default:
		return otlpjson.String(v.String())
	}
}
