// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/spanbridge/spanbridge/bridge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var attached = time.Date(2026, 11, 3, 14, 0, 0, 0, time.UTC)

// The operations of the tests' directory.
const (
	opQuery = iota
	opPostgres
	opConnect
	opDemo
	opSilent
)

type directory struct {
	operations []*bridge.Operation
	instances  map[uint32]*bridge.Instance
}

func (d directory) Operation(op uint16) *bridge.Operation {
	if int(op) >= len(d.operations) {
		return nil
	}
	return d.operations[op]
}

func (d directory) Instance(tgid uint32) *bridge.Instance {
	if i, ok := d.instances[tgid]; ok {
		return i
	}
	return &bridge.Instance{}
}

func testDirectory() directory {
	on := func(port int64) *bridge.Instance {
		return &bridge.Instance{MetricAttrs: []bridge.Attr{
			bridge.String("server.address", "db1"), bridge.Int("server.port", port)}}
	}
	return directory{
		operations: []*bridge.Operation{
			opQuery:    {Name: "query", System: "mariadb", Metric: "db.server.operation.duration"},
			opPostgres: {Name: "query", System: "postgresql", Metric: "db.server.operation.duration"},
			opConnect:  {Name: "connect", System: "mariadb", Counter: "spanbridge.connections.opened", Point: true},
			opDemo:     {Name: "query", Metric: "spanbridge.demo.operation.duration"},
			opSilent:   {Name: "parse", System: "mariadb"},
		},
		// 100 and 101 are the same server before and after a restart.
		instances: map[uint32]*bridge.Instance{100: on(3306), 101: on(3306), 200: on(3307)},
	}
}

// kernel is a source that a test fills.
type kernel struct {
	points map[bridge.Series]*bridge.HistogramPoint
	err    error
}

func newKernel() *kernel {
	return &kernel{points: make(map[bridge.Series]*bridge.HistogramPoint)}
}

func (k *kernel) count(s bridge.Series, durationsNs ...uint64) {
	p := k.points[s]
	if p == nil {
		p = &bridge.HistogramPoint{Op: s.Op, TGID: s.TGID, Status: s.Status, Failed: s.Failed, Namespace: s.Namespace}
		k.points[s] = p
	}
	for _, ns := range durationsNs {
		p.Count++
		p.SumNs += ns
		p.Buckets[bridge.BucketOf(ns)]++
	}
}

func (k *kernel) Histograms() ([]bridge.HistogramPoint, error) {
	var list []bridge.HistogramPoint
	for _, p := range k.points {
		list = append(list, *p)
	}
	return list, k.err
}

var errKernel = errors.New("no such map")

func newTestProducer(t testing.TB, opts Options) *Producer {
	t.Helper()
	if opts.Directory == nil {
		opts.Directory = testDirectory()
	}
	opts.Start = attached
	p, err := NewProducer(opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// produce returns the metrics of one collection by name.
func produce(t testing.TB, p *Producer) map[string]metricdata.Metrics {
	t.Helper()
	scopes, err := p.Produce(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]metricdata.Metrics)
	for _, sm := range scopes {
		for _, m := range sm.Metrics {
			if _, twice := byName[m.Name]; twice {
				t.Errorf("metric %s appears twice", m.Name)
			}
			byName[m.Name] = m
		}
	}
	return byName
}

func histogram(t testing.TB, metrics map[string]metricdata.Metrics, name string) []metricdata.HistogramDataPoint[float64] {
	t.Helper()
	h, ok := metrics[name].Data.(metricdata.Histogram[float64])
	if !ok {
		t.Fatalf("%s is %T", name, metrics[name].Data)
	}
	return h.DataPoints
}

func encoded(set attribute.Set) string { return set.Encoded(attribute.DefaultEncoder()) }
