// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// histogramPoint is a data point of a histogram.
type histogramPoint struct {
	RawAttrs  []otlpAttr    `json:"attributes"`
	Count     nanoseconds   `json:"count"`
	Sum       float64       `json:"sum"`
	Buckets   []nanoseconds `json:"bucketCounts"`
	Exemplars []struct {
		Value   float64 `json:"asDouble"`
		TraceID string  `json:"traceId"`
		SpanID  string  `json:"spanId"`
	} `json:"exemplars"`
	Attrs map[string]any `json:"-"`
}

// durations are the points of the last collection for queries.
func (r *result) durations(t *testing.T) []histogramPoint {
	t.Helper()
	return r.points(t, "db.server.operation.duration")
}

// points are those of a histogram of durations, of the last collection.
func (r *result) points(t *testing.T, name string) []histogramPoint {
	t.Helper()
	if len(r.metrics) == 0 {
		t.Fatal("no metrics were written")
	}
	var request struct {
		ResourceMetrics []struct {
			ScopeMetrics []struct {
				Metrics []struct {
					Name      string
					Unit      string
					Histogram struct{ DataPoints []histogramPoint }
				}
			}
		}
	}
	if err := json.Unmarshal(r.metrics[len(r.metrics)-1], &request); err != nil {
		t.Fatal(err)
	}
	var points []histogramPoint
	for _, rm := range request.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if m.Name != name {
					continue
				}
				if m.Unit != "s" {
					t.Errorf("unit of %s is %q, want s", m.Name, m.Unit)
				}
				points = append(points, m.Histogram.DataPoints...)
			}
		}
	}
	for i := range points {
		points[i].Attrs = attrMap(points[i].RawAttrs)
	}
	return points
}

// observed is how many statements the histogram counts that have these
// attributes.
func (r *result) observed(t *testing.T, attrs map[string]any) (n uint64) {
	t.Helper()
points:
	for _, p := range r.durations(t) {
		for key, want := range attrs {
			if p.Attrs[key] != want {
				continue points
			}
		}
		n += uint64(p.Count)
	}
	return n
}

func (r *result) wantObserved(t *testing.T, attrs map[string]any, want int) {
	t.Helper()
	if n := r.observed(t, attrs); n != uint64(want) {
		t.Errorf("the histogram counts %d statements with %v, want %d", n, attrs, want)
	}
}

// fail runs statements that fail.
func (c *client) fail(n int) {
	c.t.Helper()
	for range n {
		if _, err := c.run("SELECT nothing FROM items"); err == nil {
			c.t.Error("a failing statement succeeded")
		}
	}
}

// errorType is what a tier says of the statements of fail; nil is nothing.
func (t tier) errorType() any {
	switch {
	case t.number:
		return "1054"
	case t.failure:
		return "_OTHER"
	}
	return nil
}

func testMetrics(t *testing.T, tier tier, server *servers.Server) {
	const good, bad = 70, 7
	c := connect(t, server, "")
	r := watch(t, server, func() {
		for i := range good {
			c.must(mixed(i))
		}
		c.fail(bad)
		c.settle()
	})
	r.wantObserved(t, nil, good+bad)
	r.wantObserved(t, map[string]any{
		"db.system.name": "mariadb", "spanbridge.operation": "query", "server.port": int64(server.Port),
	}, good+bad)
	r.wantObserved(t, map[string]any{"error.type": nil}, good+bad*oneIf(!tier.failure))
	if tier.failure {
		r.wantObserved(t, map[string]any{"error.type": tier.errorType()}, bad)
	}
	r.wantObserved(t, map[string]any{"db.namespace": servers.Database}, (good+bad)*oneIf(tier.identity))
	checkPoints(t, r)
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkPoints holds the histogram against the spans.
func checkPoints(t *testing.T, r *result) {
	t.Helper()
	spans := make(map[[2]string]*otlpSpan)
	var total float64
	for i := range r.spans {
		s := &r.spans[i]
		spans[[2]string{s.TraceID, s.SpanID}] = s
		if s.Kind == kindServer {
			total += s.duration().Seconds()
		}
	}
	exemplars, sum := 0, 0.0
	for _, p := range r.durations(t) {
		var n nanoseconds
		for _, b := range p.Buckets {
			n += b
		}
		if n != p.Count {
			t.Errorf("buckets add up to %d, the count is %d", n, p.Count)
		}
		sum += p.Sum
		if len(p.Exemplars) == 0 {
			t.Errorf("no exemplar for %v", p.Attrs)
		}
		for _, e := range p.Exemplars {
			exemplars++
			s := spans[[2]string{e.TraceID, e.SpanID}]
			if s == nil {
				t.Errorf("exemplar %s-%s is no span", e.TraceID, e.SpanID)
			} else if math.Abs(s.duration().Seconds()-e.Value) > 1e-9 {
				t.Errorf("exemplar of %v s is a span of %v", e.Value, s.duration())
			}
		}
	}
	if math.Abs(sum-total) > 1e-6 {
		t.Errorf("the histogram adds up to %v s, the spans to %v s", sum, total)
	}
	t.Logf("%d exemplars", exemplars)
}

func testMinDuration(t *testing.T, tier tier, server *servers.Server) {
	const fast, bad = 60, 5
	c := connect(t, server, "")
	r := watch(t, server, func() {
		for i := range fast {
			c.must(mixed(i))
		}
		c.fail(bad)
		c.must("SELECT SLEEP(1.05)")
		c.settle()
	}, "--min-duration", "1s")
	kept := 1 + bad*oneIf(tier.failure)
	slow, failed := 0, 0
	for _, s := range r.statements(t, tier) {
		switch {
		case s.duration() >= time.Second:
			slow++
		case s.Attrs["error.type"] != nil:
			failed++
		default:
			t.Errorf("span of %v: %s", s.duration(), s.text())
		}
	}
	if slow != 1 || failed != kept-1 {
		t.Errorf("%d slow and %d failed statements gave a span, want 1 and %d", slow, failed, kept-1)
	}
	all := fast + bad + 1
	r.wantQueries(t, tier, map[string]uint64{
		"paired": uint64(all), "filtered": uint64(all - kept), "submitted": uint64(kept),
	})
	r.wantObserved(t, nil, all)
}

func testSample(t *testing.T, tier tier, server *servers.Server) {
	const good, bad = 400, 10
	c := connect(t, server, "")
	r := watch(t, server, func() {
		for i := range good {
			c.must(fmt.Sprintf("SELECT label FROM items WHERE id = %d", i+1))
		}
		c.fail(bad)
		c.settle()
	}, "--sample", "0.5")
	chosen, failed := 0, 0
	for _, s := range r.statements(t, tier) {
		if s.text() == "SELECT nothing FROM items" {
			failed++
		} else {
			chosen++
		}
	}
	// Six standard deviations of a binomial distribution are 60.
	if chosen < good/2-60 || chosen > good/2+60 {
		t.Errorf("%d of %d statements gave a span, want about half", chosen, good)
	}
	if tier.failure && failed != bad {
		t.Errorf("%d of %d failed statements gave a span, want all", failed, bad)
	}
	kept := uint64(chosen + failed)
	r.wantQueries(t, tier, map[string]uint64{"paired": good + bad, "submitted": kept, "sampled": good + bad - kept})
	r.wantObserved(t, nil, good+bad)
	t.Logf("%d of %d chosen", chosen, good)
}
