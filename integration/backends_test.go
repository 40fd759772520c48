// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/backends"
)

const backendPatience = 30 * time.Second

// exporting is the environment of a program that exports to an OTLP endpoint.
func exporting(protocol, endpoint string) []string {
	return []string{
		"OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol, "OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint,
		"OTEL_BSP_SCHEDULE_DELAY=200",
	}
}

func startJaeger(t *testing.T) *backends.Jaeger {
	t.Helper()
	j, err := backends.StartJaeger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Jaeger says:\n%s", j.Log())
		}
		if err := j.Stop(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func startCollector(t *testing.T) *backends.Collector {
	t.Helper()
	c, err := backends.StartCollector(t.Context(), "../collector-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the Collector says:\n%s", c.Log())
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// wantDelivered checks that the ledger closes and that the backend has
// acknowledged every span.
func wantDelivered(t *testing.T, r *result) {
	t.Helper()
	r.mustClose(t)
	row := r.ledger["otlp"]
	if row["acked"] != uint64(len(r.spans)) || row["taken"] != row["acked"] {
		t.Errorf("made %d spans, and the backend was sent and acknowledged: %v\n%s", len(r.spans), row, r.stderr)
	}
}

func TestJaegerShowsTheServersSpansBelowTheApplications(t *testing.T) {
	t.Parallel()
	jaeger := startJaeger(t)
	for _, test := range []struct {
		protocol, endpoint string
		tier               tier
	}{
		{"http/protobuf", jaeger.OTLPHTTP, tierNamed(t, "uprobe")},
		{"grpc", "http://" + jaeger.OTLPGRPC, tierNamed(t, "plugin")},
	} {
		t.Run("sent by "+strings.ReplaceAll(test.protocol, "/", " and ")+" with the tier "+test.tier.name, func(t *testing.T) {
			server := startServer(t, test.tier)
			env := exporting(test.protocol, test.endpoint)
			bridge := startBridgeWith(t, env, "--target", strconv.Itoa(server.PID), "--export", "otlp")
			shop := goShopping(t, server, env)
			ctx, cancel := context.WithTimeout(t.Context(), backendPatience)
			defer cancel()
			wantTrace := func(id string, apps int, texts []string) {
				t.Helper()
				spans, err := jaeger.WaitTrace(ctx, id, apps+len(texts))
				if err != nil {
					t.Errorf("trace %s: %v, have %v", id, err, sorted(spans))
					return
				}
				wantShopTrace(t, test.tier, spans, apps, texts)
				wantNoLiterals(t, spans)
			}
			for _, id := range shop.checkouts {
				wantTrace(id, checkoutAppSpans, checkoutTexts)
			}
			wantTrace(shop.report, reportAppSpans, reportTexts)
			r := bridge.stop()
			wantDelivered(t, r)
			if n := strings.Count(r.stderr, "the backend takes no metrics"); n != 1 {
				t.Errorf("it is said %d times that Jaeger takes no metrics, want once\n%s", n, r.stderr)
			}
		})
	}
}

func TestCollectorReceivesSpansAndMetricsWithItsConfigurationAsItStands(t *testing.T) {
	t.Parallel()
	collector := startCollector(t)
	tier := tierNamed(t, "plugin")
	server := startServer(t, tier)
	env := exporting("http/protobuf", collector.OTLPHTTP)
	bridge := startBridgeWith(t, env, "--target", strconv.Itoa(server.PID), "--export", "otlp")
	shop := goShopping(t, server, env)
	r := bridge.stop() // what it holds is delivered now
	wantDelivered(t, r)

	mine := map[string]bool{shop.report: true}
	for _, id := range shop.checkouts {
		mine[id] = true
	}
	ctx, cancel := context.WithTimeout(t.Context(), backendPatience)
	defer cancel()
	spans, err := collector.WaitSpans(ctx, shopSpans, func(s backends.Span) bool {
		return mine[s.TraceID] && !isPhase(s)
	})
	if err != nil {
		t.Fatalf("%v\n%v", err, sorted(spans))
	}
	wantNoLiterals(t, spans)
	traces := make(map[string][]backends.Span)
	for _, s := range spans {
		traces[s.TraceID] = append(traces[s.TraceID], s)
	}
	for _, id := range shop.checkouts {
		wantShopTrace(t, tier, traces[id], checkoutAppSpans, checkoutTexts)
	}
	wantShopTrace(t, tier, traces[shop.report], reportAppSpans, reportTexts)
	wantDurations(t, collector, r.queries(tier)["paired"], mine)
}

// wantDurations checks that the histogram counts every statement and that its
// exemplars point to traces of the application.
func wantDurations(t *testing.T, c *backends.Collector, count uint64, traces map[string]bool) {
	t.Helper()
	var h histogram
	for deadline := time.Now().Add(backendPatience); h.count == 0 && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond) // the file exporter flushes every second
		data, err := os.ReadFile(c.File)
		if err != nil {
			t.Fatal(err)
		}
		h = readHistogram(t, data, "db.server.operation.duration")
	}
	if h.count != count {
		t.Errorf("the histogram counts %d statements, want %d", h.count, count)
	}
	pointing := 0
	for _, id := range h.exemplars {
		if traces[id] {
			pointing++
		}
	}
	if pointing == 0 {
		t.Errorf("no exemplar points to a trace of the application: %v", h.exemplars)
	}
}

// histogram is the sum of a metric's points.
type histogram struct {
	count     uint64
	exemplars []string // their trace ids
}

// readHistogram reads the last export of a metric from OTLP JSON lines. A line
// that is not complete yet is left out.
func readHistogram(t *testing.T, lines []byte, name string) histogram {
	t.Helper()
	var last histogram
	for line := range bytes.Lines(lines) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var request struct {
			ResourceMetrics []struct {
				ScopeMetrics []struct{ Metrics []otlpMetric }
			}
		}
		if err := json.Unmarshal(line, &request); err != nil {
			t.Fatalf("line is no OTLP JSON: %v\n%.300s", err, line)
		}
		for _, resource := range request.ResourceMetrics {
			for _, scope := range resource.ScopeMetrics {
				for i := range scope.Metrics {
					if scope.Metrics[i].Name == name {
						last = scope.Metrics[i].sum()
					}
				}
			}
		}
	}
	return last
}

type otlpMetric struct {
	Name      string
	Histogram struct {
		DataPoints []struct {
			Count     uint64 `json:",string"`
			Exemplars []struct{ TraceID string }
		}
	}
}

func (m *otlpMetric) sum() histogram {
	var h histogram
	for _, p := range m.Histogram.DataPoints {
		h.count += p.Count
		for _, e := range p.Exemplars {
			h.exemplars = append(h.exemplars, e.TraceID)
		}
	}
	return h
}

func tierNamed(t *testing.T, name string) tier {
	t.Helper()
	for _, tier := range allTiers {
		if tier.name == name {
			return tier
		}
	}
	t.Fatalf("there is no tier %s", name)
	return tier{}
}
