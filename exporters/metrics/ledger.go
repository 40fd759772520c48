// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanbridge/spanbridge/bridge"
)

// ownRows is the producer's account of itself.
func (p *Producer) ownRows() []LedgerRow {
	rows := []LedgerRow{{
		Name:        "spanbridge.metrics.read_failures",
		Value:       p.failures,
		Monotonic:   true,
		Description: "Collections in which the kernel's histograms could not be read.",
		Unit:        "{collection}",
	}}
	for _, in := range p.sorted() {
		rows = append(rows, LedgerRow{
			Name:        "spanbridge.metrics.series",
			Attrs:       []bridge.Attr{bridge.String("metric", in.name)},
			Value:       int64(len(in.series)),
			Description: "Series of a metric that are kept apart.",
			Unit:        "{series}",
		})
	}
	return rows
}

// ledgerMetrics turns rows into one metric a name, in order of the names. Rows
// with the same name and attributes are added up.
func ledgerMetrics(rows []LedgerRow, start, now time.Time) []metricdata.Metrics {
	slices.SortStableFunc(rows, func(a, b LedgerRow) int { return cmp.Compare(a.Name, b.Name) })
	var out []metricdata.Metrics
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Name == rows[0].Name {
			n++
		}
		out = append(out, ledgerMetric(rows[:n], start, now))
		rows = rows[n:]
	}
	return out
}

func ledgerMetric(rows []LedgerRow, start, now time.Time) metricdata.Metrics {
	first := rows[0]
	m := metricdata.Metrics{Name: first.Name, Description: first.Description, Unit: first.Unit}
	points := make([]metricdata.DataPoint[int64], 0, len(rows))
	at := make(map[attribute.Distinct]int, len(rows))
	for _, row := range rows {
		set := attributeSet(row.Attrs)
		if i, ok := at[set.Equivalent()]; ok {
			points[i].Value += row.Value
			continue
		}
		at[set.Equivalent()] = len(points)
		point := metricdata.DataPoint[int64]{Attributes: set, Time: now, Value: row.Value}
		if first.Monotonic {
			point.StartTime = start
		}
		points = append(points, point)
	}
	if first.Monotonic {
		m.Data = metricdata.Sum[int64]{
			DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		}
	} else {
		m.Data = metricdata.Gauge[int64]{DataPoints: points}
	}
	return m
}
