// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/metrics"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixed is a source and a directory with one server and one operation.
type fixed struct{ points []bridge.HistogramPoint }

func (f fixed) Histograms() ([]bridge.HistogramPoint, error) { return f.points, nil }

func (fixed) Operation(uint16) *bridge.Operation {
	return &bridge.Operation{Name: "query", System: "mariadb", Metric: "db.server.operation.duration", Sums: []bridge.Sum{
		{Metric: "rows", Unit: "{row}"},
		{Metric: "io", Unit: "By", Attrs: []bridge.Attr{bridge.String("network.io.direction", "transmit")}},
	}}
}

func (fixed) Instance(uint32) *bridge.Instance {
	return &bridge.Instance{MetricAttrs: []bridge.Attr{bridge.Int("server.port", 3306)}}
}

func testProducer(t *testing.T) *metrics.Producer {
	t.Helper()
	ok := bridge.HistogramPoint{Namespace: "shop", Sums: [bridge.MaxSums]uint64{12, 3456}}
	for _, ns := range []uint64{9_000, 300_000, 310_000, 2_000_000} {
		ok.Count++
		ok.SumNs += ns
		ok.Buckets[bridge.BucketOf(ns)]++
	}
	bad := bridge.HistogramPoint{Namespace: "a\"b\\c\n\x1b]0;<x>", Failed: true, Status: 1146, Count: 1, SumNs: 50_000}
	bad.Buckets[bridge.BucketOf(50_000)] = 1
	var kept bridge.Exemplars
	kept.Offer(bridge.Series{Namespace: "shop"}, bridge.Exemplar{
		TraceID: bridge.TraceID{0x4b, 0xf9, 15: 0x36}, SpanID: bridge.SpanID{0x00, 0xf0, 7: 0xb7},
		DurationNs: 310_000, TimeNs: time.Date(2026, 11, 3, 14, 3, 7, 0, time.UTC).UnixNano()})
	source := fixed{[]bridge.HistogramPoint{ok, bad}}
	p, err := metrics.NewProducer(metrics.Options{
		Source: source, Directory: source, Exemplars: &kept, PerOctave: 1,
		Start: time.Date(2026, 11, 3, 14, 0, 0, 0, time.UTC),
		Ledger: func() []metrics.LedgerRow {
			return []metrics.LedgerRow{
				{Name: "spanbridge.records", Attrs: []bridge.Attr{bridge.String("outcome", "submitted")}, Value: 5, Monotonic: true, Unit: "{record}"},
				{Name: "spanbridge.spans.queued", Value: 2, Unit: "{span}"},
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func start(t *testing.T) (*Server, string) {
	t.Helper()
	s, err := New("127.0.0.1:0", testProducer(t), resource.NewSchemaless(attribute.String("service.name", "spanbridge")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, "http://" + s.Addr().String()
}

func request(t *testing.T, method, url, accept string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestScrapesHoldHistogramsWithExemplars(t *testing.T) {
	_, url := start(t)
	tests := []struct{ golden, accept string }{
		{"openmetrics.txt", "application/openmetrics-text; version=1.0.0"},
		{"text.txt", "text/plain; version=0.0.4"},
	}
	for _, test := range tests {
		t.Run(test.golden, func(t *testing.T) {
			answer, body := request(t, http.MethodGet, url+"/metrics", test.accept)
			if got := answer.Header.Get("Content-Type"); !strings.HasPrefix(got, strings.SplitN(test.accept, ";", 2)[0]) {
				t.Errorf("content type %s", got)
			}
			if !strings.Contains(body, "process_cpu_seconds") || !strings.Contains(body, "go_goroutines") {
				t.Error("no metrics of the process itself")
			}
			golden(t, test.golden, ours(body))
		})
	}
}

// exemplarLabels are written in no fixed order by the client library.
var exemplarLabels = regexp.MustCompile(`# \{(span_id="[^"]*"),(trace_id="[^"]*")\}`)

// ours leaves out what differs from run to run.
func ours(body string) string {
	lines := strings.SplitAfter(body, "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool {
		name := line
		for _, comment := range []string{"# HELP ", "# TYPE ", "# UNIT "} {
			name = strings.TrimPrefix(name, comment)
		}
		return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "promhttp_")
	})
	return exemplarLabels.ReplaceAllString(strings.Join(lines, ""), "# {$2,$1}")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	_, url := start(t)
	tests := []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/", http.StatusOK},
		{http.MethodHead, "/metrics", http.StatusOK},
		{http.MethodPost, "/metrics", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/", http.StatusMethodNotAllowed},
		{http.MethodGet, "/debug/pprof/", http.StatusNotFound},
		{http.MethodGet, "/metrics/", http.StatusNotFound},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			answer, body := request(t, test.method, url+test.path, "")
			if answer.StatusCode != test.status {
				t.Errorf("status %d, want %d", answer.StatusCode, test.status)
			}
			if test.method == http.MethodHead && body != "" {
				t.Errorf("body %q", body)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	tests := []struct{ name, addr, want string }{
		{"a port alone", "9464", "want HOST:PORT"},
		{"a port that is a word", "127.0.0.1:http", "not a number"},
		{"a port that is too high", "127.0.0.1:70000", "not a number"},
		{"a port in use", busy.Addr().String(), "address already in use"},
		{"a free port", "127.0.0.1:0", ""},
		{"all addresses", ":0", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := New(test.addr, testProducer(t), nil)
			if err == nil {
				defer func() {
					if err := s.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
				}()
			}
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestDefaultAddrFollowsTheEnvironment(t *testing.T) {
	env := map[string]string{}
	lookup := func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	if got := DefaultAddr(lookup); got != "localhost:9464" {
		t.Errorf("default %s", got)
	}
	env["OTEL_EXPORTER_PROMETHEUS_HOST"], env["OTEL_EXPORTER_PROMETHEUS_PORT"] = "::1", "9999"
	if got := DefaultAddr(lookup); got != "[::1]:9999" {
		t.Errorf("from the environment %s", got)
	}
}

func TestServingThatEndedByItselfIsToldAtShutdown(t *testing.T) {
	s, err := New("127.0.0.1:0", testProducer(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.served <- <-s.served // Serve has returned before Shutdown is called
	if err := s.Shutdown(context.Background()); err == nil {
		t.Error("nothing told")
	}
}
