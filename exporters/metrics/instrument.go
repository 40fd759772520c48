// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanbridge/spanbridge/bridge"
)

// kind is what an instrument reports.
type kind uint8

const (
	durationKind kind = iota // a histogram of durations
	countKind                // a sum of counts
	timeKind                 // a sum of durations
	valueKind                // a sum of values
)

// instrument holds the series of one metric.
type instrument struct {
	name      string
	kind      kind
	unit      string // of values
	scale     *scale
	maxSeries int
	byAttrs   map[attribute.Distinct]*series
	series    []*series // ordered by attributes
	overflow  *series
}

// series is one combination of attributes. Several inputs may add to it.
type series struct {
	attrs     attribute.Set
	sortKey   string
	retired   totals // of inputs that are no longer kept apart
	now       totals // scratch of one collection
	exemplars map[int]bridge.Exemplar
}

// totals are what has been counted. For a counter there are no buckets.
type totals struct {
	count   uint64
	sumNs   uint64
	timeNs  [bridge.NumTimes]uint64
	sums    [bridge.MaxSums]uint64
	buckets []uint64
}

func (t *totals) add(other *totals) {
	t.count += other.count
	t.sumNs += other.sumNs
	for class, ns := range other.timeNs {
		t.timeNs[class] += ns
	}
	for i, sum := range other.sums {
		t.sums[i] += sum
	}
	if t.buckets == nil && other.buckets != nil {
		t.buckets = make([]uint64, len(other.buckets))
	}
	for i, n := range other.buckets {
		t.buckets[i] += n
	}
}

// admit returns the series of a set of attributes. Once maxSeries is reached,
// further ones share the overflow series that OpenTelemetry's metrics SDK
// specification describes under "Cardinality limits".
func (in *instrument) admit(attrs attribute.Set) *series {
	if s, ok := in.byAttrs[attrs.Equivalent()]; ok {
		return s
	}
	if len(in.series) >= in.maxSeries-1 {
		if in.overflow == nil {
			in.overflow = in.insert(attribute.NewSet(attribute.Bool("otel.metric.overflow", true)))
		}
		return in.overflow
	}
	return in.insert(attrs)
}

func (in *instrument) insert(attrs attribute.Set) *series {
	s := &series{attrs: attrs, sortKey: attrs.Encoded(attribute.DefaultEncoder())}
	in.byAttrs[attrs.Equivalent()] = s
	at, _ := slices.BinarySearchFunc(in.series, s.sortKey, func(o *series, key string) int {
		return strings.Compare(o.sortKey, key)
	})
	in.series = slices.Insert(in.series, at, s)
	return s
}

// keep remembers an exemplar until a newer one of its bucket comes.
func (s *series) keep(sc *scale, e bridge.Exemplar) {
	if s.exemplars == nil {
		s.exemplars = make(map[int]bridge.Exemplar)
	}
	bucket := sc.of(e.DurationNs)
	if old, ok := s.exemplars[bucket]; !ok || e.TimeNs >= old.TimeNs {
		s.exemplars[bucket] = e
	}
}

func (in *instrument) metric(start, now time.Time) metricdata.Metrics {
	m := metricdata.Metrics{Name: in.name}
	switch in.kind {
	case countKind:
		m.Description = "Number of events, counted in the kernel."
		m.Unit = "{event}"
		m.Data = in.sum(start, now)
	case valueKind:
		m.Description = "Sum of a value of operations, counted in the kernel for every one that has ended, whether its span is kept or not."
		m.Unit = in.unit
		m.Data = in.sum(start, now)
	case timeKind:
		m.Description = "What the threads of operations spent their time with, counted in the kernel for every operation."
		m.Unit = "s"
		m.Data = in.time(start, now)
	default:
		m.Description = "Duration of operations, counted in the kernel for every one of them, whether its span is kept or not."
		m.Unit = "s"
		m.Data = in.histogram(start, now)
	}
	return m
}

func (in *instrument) sum(start, now time.Time) metricdata.Sum[int64] {
	out := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for _, s := range in.series {
		out.DataPoints = append(out.DataPoints, metricdata.DataPoint[int64]{
			Attributes: s.attrs, StartTime: start, Time: now, Value: int64(s.now.count),
		})
	}
	return out
}

func (in *instrument) time(start, now time.Time) metricdata.Sum[float64] {
	out := metricdata.Sum[float64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for _, s := range in.series {
		out.DataPoints = append(out.DataPoints, metricdata.DataPoint[float64]{
			Attributes: s.attrs, StartTime: start, Time: now, Value: seconds(s.now.sumNs),
		})
	}
	return out
}

func (in *instrument) histogram(start, now time.Time) metricdata.Histogram[float64] {
	out := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	for _, s := range in.series {
		out.DataPoints = append(out.DataPoints, metricdata.HistogramDataPoint[float64]{
			Attributes:   s.attrs,
			StartTime:    start,
			Time:         now,
			Count:        s.now.count,
			Sum:          seconds(s.now.sumNs),
			Bounds:       in.scale.bounds,
			BucketCounts: slices.Clone(s.now.buckets),
			Exemplars:    s.exemplarList(in.scale),
		})
	}
	return out
}

func (s *series) exemplarList(sc *scale) []metricdata.Exemplar[float64] {
	if len(s.exemplars) == 0 {
		return nil
	}
	list := make([]metricdata.Exemplar[float64], 0, len(s.exemplars))
	for bucket := range sc.buckets() {
		e, ok := s.exemplars[bucket]
		if !ok {
			continue
		}
		list = append(list, metricdata.Exemplar[float64]{
			Time:    time.Unix(0, e.TimeNs),
			Value:   seconds(e.DurationNs),
			TraceID: e.TraceID[:],
			SpanID:  e.SpanID[:],
		})
	}
	return list
}
