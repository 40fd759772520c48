// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanbridge/spanbridge/bridge"
)

// times returns the points of the metric of where the time went, in seconds.
func times(t *testing.T, p *Producer) map[string]float64 {
	t.Helper()
	sum, ok := produce(t, p)[timeName].Data.(metricdata.Sum[float64])
	if !ok {
		return nil
	}
	if !sum.IsMonotonic || sum.Temporality != metricdata.CumulativeTemporality {
		t.Errorf("monotonic %v, %v", sum.IsMonotonic, sum.Temporality)
	}
	points := make(map[string]float64)
	for _, point := range sum.DataPoints {
		points[encoded(point.Attributes)] = point.Value
	}
	return points
}

func TestTimesAreSumsByClass(t *testing.T) {
	k := newKernel()
	p := newTestProducer(t, Options{Source: k})
	spend := func(s bridge.Series, class bridge.TimeClass, ns uint64) {
		k.count(s, ns)
		k.points[s].TimeNs[class] += ns
	}
	if got := times(t, p); got != nil {
		t.Errorf("nothing was spent, and there is %v", got)
	}
	query, restarted := bridge.Series{Op: opQuery, TGID: 100}, bridge.Series{Op: opQuery, TGID: 101}
	spend(query, bridge.TimeCPU, 1e9)
	spend(query, bridge.TimeLock, 25e7)
	spend(bridge.Series{Op: opSilent, TGID: 7}, bridge.TimeDisk, 5e8)
	const server = "server.address=db1,server.port=3306,spanbridge.operation=query,spanbridge.time.class="
	want := map[string]float64{
		"db.system.name=mariadb," + server + "cpu":                                     1,
		"db.system.name=mariadb," + server + "lock":                                    0.25,
		"db.system.name=mariadb,spanbridge.operation=parse,spanbridge.time.class=disk": 0.5,
	}
	if diff := cmp.Diff(want, times(t, p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	delete(k.points, query) // the process has ended
	spend(restarted, bridge.TimeCPU, 3e9)
	want["db.system.name=mariadb,"+server+"cpu"] = 4
	if diff := cmp.Diff(want, times(t, p)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	delete(k.points, restarted) // the kernel's map lost the entry and began anew
	spend(restarted, bridge.TimeCPU, 1e9)
	k.points[restarted].Count, k.points[restarted].Buckets = 0, [bridge.NumBuckets]uint64{}
	want["db.system.name=mariadb,"+server+"cpu"] = 5
	if diff := cmp.Diff(want, times(t, p)); diff != "" {
		t.Errorf("counted anew (-want +got):\n%s", diff)
	}
}

func TestTimesOfEndedProcessesStay(t *testing.T) {
	k := newKernel()
	p := newTestProducer(t, Options{Source: k})
	for tgid := range uint32(2 * maxInputs) {
		clear(k.points)
		s := bridge.Series{Op: opPostgres, TGID: 1000 + tgid}
		k.count(s, 1e6)
		k.points[s].TimeNs[bridge.TimeSync] = 1e6
		p.mu.Lock()
		p.round++
		p.read()
		p.mu.Unlock()
	}
	want := map[string]float64{"db.system.name=postgresql,spanbridge.operation=query,spanbridge.time.class=sync": 2 * maxInputs / 1e3}
	if diff := cmp.Diff(want, times(t, p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
