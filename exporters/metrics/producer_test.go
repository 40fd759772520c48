// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanbridge/spanbridge/bridge"
)

const duration = "db.server.operation.duration"

func TestCountsAreThoseThatTheSDKsOwnHistogramWouldHave(t *testing.T) {
	k := newKernel()
	p := newTestProducer(t, Options{Source: k})
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(sdkmetric.NewView(
		sdkmetric.Instrument{Name: duration},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: p.scale.bounds}})))
	referee, err := provider.Meter("referee").Float64Histogram(duration)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		ns := rng.Uint64() >> (24 + rng.IntN(40))
		k.count(bridge.Series{Op: opQuery, TGID: 100}, ns)
		referee.Record(context.Background(), seconds(ns))
	}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	want := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]).DataPoints[0]
	got := histogram(t, produce(t, p), duration)[0]
	if diff := cmp.Diff(want.BucketCounts, got.BucketCounts); diff != "" || got.Count != 50_000 {
		t.Errorf("%d counted (-SDK +kernel):\n%s", got.Count, diff)
	}
	if math.Abs(got.Sum/want.Sum-1) > 1e-9 {
		t.Errorf("sum %v, SDK's %v", got.Sum, want.Sum)
	}
	if _, defined := got.Min.Value(); defined || !got.StartTime.Equal(attached) {
		t.Errorf("minimum %v, start %v: want none, %v", got.Min, got.StartTime, attached)
	}
}

func TestAttributesOfSeries(t *testing.T) {
	tests := []struct {
		name   string
		series bridge.Series
		metric string
		want   string
	}{
		{"a query that succeeded", bridge.Series{Op: opQuery, TGID: 100, Namespace: "shop"}, duration,
			"db.namespace=shop,db.system.name=mariadb,server.address=db1,server.port=3306,spanbridge.operation=query"},
		{"a query that failed", bridge.Series{Op: opQuery, TGID: 200, Failed: true, Status: 1146}, duration,
			"db.response.status_code=1146,db.system.name=mariadb,error.type=1146,server.address=db1,server.port=3307,spanbridge.operation=query"},
		{"a failure without a number", bridge.Series{Op: opPostgres, TGID: 1, Failed: true}, duration,
			"db.system.name=postgresql,error.type=_OTHER,spanbridge.operation=query"},
		{"a program that is no database", bridge.Series{Op: opDemo, TGID: 1, Failed: true, Status: 7}, "spanbridge.demo.operation.duration",
			"error.type=7,spanbridge.operation=query"},
		{"a namespace that does not print", bridge.Series{Op: opDemo, TGID: 1, Namespace: "a\xff\x1b\u202eb"}, "spanbridge.demo.operation.duration",
			"db.namespace=a\uFFFD\uFFFD\uFFFDb,spanbridge.operation=query"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKernel()
			k.count(test.series, 1e6)
			points := histogram(t, produce(t, newTestProducer(t, Options{Source: k})), test.metric)
			if len(points) != 1 || encoded(points[0].Attributes) != test.want {
				t.Errorf("got %d points, first %s\nwant %s", len(points), encoded(points[0].Attributes), test.want)
			}
		})
	}
}

func TestSeriesGoOnWhenTheServerIsRestarted(t *testing.T) {
	before, after := bridge.Series{Op: opQuery, TGID: 100}, bridge.Series{Op: opQuery, TGID: 101}
	k := newKernel()
	p := newTestProducer(t, Options{Source: k})
	counts := func() []uint64 {
		var list []uint64
		for _, point := range histogram(t, produce(t, p), duration) {
			list = append(list, point.Count)
			if sum := sumOf(point.BucketCounts); sum != point.Count {
				t.Errorf("buckets add up to %d, count is %d", sum, point.Count)
			}
		}
		return list
	}
	k.count(before, 1e6, 2e6, 3e6)
	if got := counts(); !slices.Equal(got, []uint64{3}) {
		t.Errorf("before: %v", got)
	}
	k.count(after, 1e6)
	if got := counts(); !slices.Equal(got, []uint64{4}) {
		t.Errorf("both processes: %v", got)
	}
	delete(k.points, before)
	if got := counts(); !slices.Equal(got, []uint64{4}) {
		t.Errorf("the old process is forgotten: %v", got)
	}
	delete(k.points, after) // the kernel's map lost the entry and began anew
	k.count(after, 5e6)
	k.points[after].Count, k.points[after].Buckets = 0, [bridge.NumBuckets]uint64{}
	if got := counts(); !slices.Equal(got, []uint64{4}) {
		t.Errorf("counted anew from nothing: %v", got)
	}
	k.count(after, 5e6, 5e6)
	if got := counts(); !slices.Equal(got, []uint64{6}) {
		t.Errorf("counted anew: %v", got)
	}
}

func sumOf(counts []uint64) uint64 {
	var sum uint64
	for _, n := range counts {
		sum += n
	}
	return sum
}

func TestCountsOfEndedProcessesStayAlthoughTheirInputsAreFoldedTogether(t *testing.T) {
	k := newKernel()
	p := newTestProducer(t, Options{Source: k})
	for tgid := range uint32(3 * maxInputs) {
		clear(k.points)
		k.count(bridge.Series{Op: opPostgres, TGID: tgid}, 1e6)
		if tgid%7 == 0 {
			k.count(bridge.Series{Op: opConnect, TGID: tgid}, 0, 0)
		}
		p.mu.Lock()
		p.round++
		p.read()
		p.mu.Unlock()
	}
	if len(p.inputs) > maxInputs+2 {
		t.Errorf("%d inputs kept", len(p.inputs))
	}
	metrics := produce(t, p)
	var total uint64
	for _, point := range histogram(t, metrics, duration) {
		total += point.Count
	}
	if total != 3*maxInputs {
		t.Errorf("count %d, want %d", total, 3*maxInputs)
	}
	opened := metrics["spanbridge.connections.opened"].Data.(metricdata.Sum[int64])
	var connections int64
	for _, point := range opened.DataPoints {
		connections += point.Value
	}
	if want := int64(2 * ((3*maxInputs + 6) / 7)); !opened.IsMonotonic || connections != want {
		t.Errorf("connections %+v, want %d", opened, want)
	}
}

func TestSeriesBeyondTheLimitShareOne(t *testing.T) {
	k := newKernel()
	p := newTestProducer(t, Options{Source: k, MaxSeries: 10})
	for i := range 1000 {
		k.count(bridge.Series{Op: opQuery, TGID: 100, Namespace: fmt.Sprint("tenant", i)}, 1e6)
	}
	var first []string
	for round := range 3 {
		var total uint64
		var sets []string
		for _, point := range histogram(t, produce(t, p), duration) {
			total += point.Count
			sets = append(sets, encoded(point.Attributes))
		}
		if len(sets) != 10 || total != uint64(1000*(round+1)) {
			t.Errorf("%d series hold %d, want 10 with %d", len(sets), total, 1000*(round+1))
		}
		if !slices.Contains(sets, "otel.metric.overflow=true") {
			t.Errorf("no overflow series in %v", sets)
		}
		if first == nil {
			first = sets
		}
		if diff := cmp.Diff(first, sets); diff != "" {
			t.Errorf("series changed (-first +now):\n%s", diff)
		}
		for i := range 1000 {
			k.count(bridge.Series{Op: opQuery, TGID: 100, Namespace: fmt.Sprint("tenant", i)}, 1e6)
		}
	}
}

func TestMetricsStandStillWhileTheSourceFails(t *testing.T) {
	var log []string
	k := newKernel()
	p := newTestProducer(t, Options{Source: k, Logf: func(format string, args ...any) {
		log = append(log, fmt.Sprintf(format, args...))
	}})
	k.count(bridge.Series{Op: opQuery, TGID: 100}, 1e6)
	produce(t, p)
	whole := k.points
	k.points, k.err = nil, errKernel
	for range 3 {
		metrics := produce(t, p)
		if got := histogram(t, metrics, duration)[0].Count; got != 1 {
			t.Errorf("count %d while the source fails, want 1", got)
		}
	}
	k.points, k.err = whole, nil
	failures := produce(t, p)["spanbridge.metrics.read_failures"].Data.(metricdata.Sum[int64])
	if failures.DataPoints[0].Value != 3 {
		t.Errorf("failures %+v, want 3", failures)
	}
	if len(log) != 2 || !strings.Contains(log[0], errKernel.Error()) || !strings.Contains(log[1], "again") {
		t.Errorf("log %q, want one line for each change", log)
	}
}

func TestOperationsWithoutAMetricAreLeftOut(t *testing.T) {
	k := newKernel()
	k.count(bridge.Series{Op: opSilent, TGID: 100}, 1e6)
	k.count(bridge.Series{Op: 99, TGID: 100}, 1e6)
	for name := range produce(t, newTestProducer(t, Options{Source: k})) {
		if name != "spanbridge.metrics.read_failures" {
			t.Errorf("unexpected metric %s", name)
		}
	}
}

func TestExemplarsReachEveryReader(t *testing.T) {
	k := newKernel()
	var kept bridge.Exemplars
	p := newTestProducer(t, Options{Source: k, Exemplars: &kept})
	s := bridge.Series{Op: opQuery, TGID: 100}
	offer := func(id byte, ns uint64, at int64) {
		k.count(s, ns)
		kept.Offer(s, bridge.Exemplar{TraceID: bridge.TraceID{id}, SpanID: bridge.SpanID{id}, DurationNs: ns, TimeNs: at})
	}
	ids := func() string {
		var list []string
		point := histogram(t, produce(t, p), duration)[0]
		for _, e := range point.Exemplars {
			list = append(list, fmt.Sprintf("%x:%v", e.TraceID[0], e.Value))
		}
		return strings.Join(list, " ")
	}
	offer(1, 1_000_000, 10)
	offer(2, 70_000, 11)
	for range 2 { // two readers
		if got := ids(); got != "2:7e-05 1:0.001" {
			t.Errorf("exemplars %q", got)
		}
	}
	offer(3, 1_000_001, 12)
	for range 2 {
		if got := ids(); got != "2:7e-05 3:0.001000001" {
			t.Errorf("exemplars %q after a newer one of the same bucket", got)
		}
	}
}

func TestLedgerRowsBecomeSumsAndGauges(t *testing.T) {
	record := func(outcome string, n int64) LedgerRow {
		return LedgerRow{Name: "spanbridge.records", Description: "Records by outcome.", Unit: "{record}", Monotonic: true, Value: n,
			Attrs: []bridge.Attr{bridge.String("operation", "query"), bridge.String("outcome", outcome)}}
	}
	p := newTestProducer(t, Options{Ledger: func() []LedgerRow {
		return []LedgerRow{record("submitted", 40), {Name: "spanbridge.spans.queued", Value: 7, Unit: "{span}"}, record("ring_full", 2), record("submitted", 1)}
	}})
	metrics := produce(t, p)
	sum := metrics["spanbridge.records"].Data.(metricdata.Sum[int64])
	var got []string
	for _, point := range sum.DataPoints {
		got = append(got, fmt.Sprint(encoded(point.Attributes), " ", point.Value, " ", point.StartTime.Equal(attached)))
	}
	want := []string{"operation=query,outcome=submitted 41 true", "operation=query,outcome=ring_full 2 true"}
	if diff := cmp.Diff(want, got); diff != "" || !sum.IsMonotonic {
		t.Errorf("records, monotonic %v (-want +got):\n%s", sum.IsMonotonic, diff)
	}
	queued := metrics["spanbridge.spans.queued"].Data.(metricdata.Gauge[int64])
	if queued.DataPoints[0].Value != 7 || metrics["spanbridge.spans.queued"].Unit != "{span}" {
		t.Errorf("queued %+v", queued)
	}
}

func TestProducerConcurrentSafe(t *testing.T) {
	k := newKernel()
	k.count(bridge.Series{Op: opQuery, TGID: 100}, 1e6)
	p := newTestProducer(t, Options{Source: k})
	done := make(chan error)
	for range 4 {
		go func() {
			var err error
			for range 50 {
				if _, e := p.Produce(context.Background()); e != nil {
					err = e
				}
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkProduce(b *testing.B) {
	k := newKernel()
	for i := range 500 {
		k.count(bridge.Series{Op: opQuery, TGID: 100, Namespace: fmt.Sprint("tenant", i)}, 1e6)
	}
	p := newTestProducer(b, Options{Source: k})
	b.ReportAllocs()
	for b.Loop() {
		produce(b, p)
	}
}
