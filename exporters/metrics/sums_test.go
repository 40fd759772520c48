// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanbridge/spanbridge/bridge"
)

func TestValuesAreAddedUpWhetherOperationsFailedOrNot(t *testing.T) {
	direction := func(d string) []bridge.Attr { return []bridge.Attr{bridge.String("network.io.direction", d)} }
	d := directory{operations: []*bridge.Operation{
		{Name: "connection", Host: &bridge.Instance{}, Sums: []bridge.Sum{
			{Metric: "io", Unit: "By", Attrs: direction("transmit")}, {Metric: "io", Unit: "By", Attrs: direction("receive")},
			{Metric: "packets", Unit: "{packet}"},
		}},
		{Name: "read", Metric: "read.duration", Host: &bridge.Instance{}, Sums: []bridge.Sum{{Metric: "io", Unit: "By", Attrs: direction("receive")}}},
	}}
	k := newKernel()
	p := newTestProducer(t, Options{Source: k, Directory: d})
	add := func(s bridge.Series, values ...uint64) {
		k.count(s, 1e6)
		for i, n := range values {
			k.points[s].Sums[i] += n
		}
	}
	sums := func(name, unit string) map[string]int64 {
		m := produce(t, p)[name]
		sum, ok := m.Data.(metricdata.Sum[int64])
		if !ok || !sum.IsMonotonic || sum.Temporality != metricdata.CumulativeTemporality || m.Unit != unit {
			t.Fatalf("%s in %s: %T", name, m.Unit, m.Data)
		}
		values := make(map[string]int64)
		for _, point := range sum.DataPoints {
			values[encoded(point.Attributes)] = point.Value
		}
		return values
	}
	fine, failed := bridge.Series{}, bridge.Series{Failed: true, Status: 104}
	add(fine, 1000, 500, 0)
	add(failed, 10, 5, 0)
	add(bridge.Series{Op: 1}, 7)
	want := map[string]int64{
		"network.io.direction=transmit,spanbridge.operation=connection": 1010,
		"network.io.direction=receive,spanbridge.operation=connection":  505,
		"network.io.direction=receive,spanbridge.operation=read":        7,
	}
	if diff := cmp.Diff(want, sums("io", "By")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// A sum is there from the first operation on, so that its rate is.
	if diff := cmp.Diff(map[string]int64{"spanbridge.operation=connection": 0}, sums("packets", "{packet}")); diff != "" {
		t.Errorf("packets (-want +got):\n%s", diff)
	}
	delete(k.points, fine) // the kernel's map lost the entry and began anew
	k.points[fine] = &bridge.HistogramPoint{}
	produce(t, p)
	add(fine, 1, 2, 3)
	want["network.io.direction=transmit,spanbridge.operation=connection"]++
	want["network.io.direction=receive,spanbridge.operation=connection"] += 2
	if diff := cmp.Diff(want, sums("io", "By")); diff != "" {
		t.Errorf("after a new beginning (-want +got):\n%s", diff)
	}
}
