// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/spanbridge/spanbridge/bridge"
)

// sink keeps what it receives over HTTP and gRPC.
type sink struct {
	collector.UnimplementedMetricsServiceServer
	mu       sync.Mutex
	requests []*collector.ExportMetricsServiceRequest
	status   int // of HTTP answers
}

func (s *sink) Export(_ context.Context, r *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	return &collector.ExportMetricsServiceResponse{}, nil
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := &collector.ExportMetricsServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, request)
	}
	if err != nil || r.URL.Path != "/v1/metrics" {
		http.Error(w, fmt.Sprint(r.URL.Path, err), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	status := s.status
	s.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	_, _ = s.Export(r.Context(), request)
}

func (s *sink) last(t *testing.T) *otlp.ResourceMetrics {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		t.Fatal("nothing received")
	}
	return s.requests[len(s.requests)-1].ResourceMetrics[0]
}

// filledProducer has a histogram with an exemplar, a counter and a ledger.
func filledProducer(t *testing.T) *Producer {
	k := newKernel()
	s := bridge.Series{Op: opQuery, TGID: 100, Namespace: "shop"}
	k.count(s, 500, 1_000_000, 1_000_000, 250_000_000, 1<<40)
	k.points[s].TimeNs[bridge.TimeLock] = 249_000_000
	k.count(bridge.Series{Op: opConnect, TGID: 100}, 0)
	var kept bridge.Exemplars
	kept.Offer(s, bridge.Exemplar{
		TraceID: bridge.TraceID{0x4b, 15: 0x36}, SpanID: bridge.SpanID{0xf0, 7: 0xb7}, DurationNs: 1_000_000, TimeNs: attached.UnixNano()})
	return newTestProducer(t, Options{Source: k, Exemplars: &kept, Version: "1.2.3", Ledger: func() []LedgerRow {
		return []LedgerRow{{Name: "spanbridge.spans.queued", Value: 7}}
	}})
}

func testOptions(t *testing.T, logf func(string, ...any)) PipelineOptions {
	r, err := Resource(context.Background(), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return PipelineOptions{Producer: filledProducer(t), Resource: r, Logf: logf}
}

func TestMetricsArriveOverOTLP(t *testing.T) {
	s := &sink{}
	web := httptest.NewServer(s)
	defer web.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterMetricsServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()

	tests := []struct {
		name string
		env  map[string]string
	}{
		{"http/protobuf is the default", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": web.URL}},
		{"the protocol of all signals", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + listener.Addr().String(),
			"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}},
		{"the protocol of metrics wins", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": web.URL + "/v1/metrics",
			"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			s.requests = nil
			p, err := NewOTLP(context.Background(), testOptions(t, t.Logf))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			checkReceived(t, s.last(t))
		})
	}
}

func checkReceived(t *testing.T, rm *otlp.ResourceMetrics) {
	t.Helper()
	if got := fmt.Sprint(rm.Resource); !strings.Contains(got, `"service.name"`) || strings.Contains(got, "command") {
		t.Errorf("resource %s", got)
	}
	if scope := rm.ScopeMetrics[0].Scope; scope.Name != ScopeName || scope.Version != "1.2.3" {
		t.Errorf("scope %v", scope)
	}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		if m.Name != duration {
			continue
		}
		point := m.GetHistogram().DataPoints[0]
		if m.Unit != "s" || m.GetHistogram().AggregationTemporality != otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
			t.Errorf("unit %s, %v", m.Unit, m.GetHistogram().AggregationTemporality)
		}
		if len(point.ExplicitBounds) != 47 || point.ExplicitBounds[0] != 8.192e-06 || point.ExplicitBounds[1] != 1.2288e-05 {
			t.Errorf("bounds %v", point.ExplicitBounds)
		}
		if point.Count != 5 || sumOf(point.BucketCounts) != 5 || point.BucketCounts[0] != 1 || point.BucketCounts[47] != 1 {
			t.Errorf("count %d, buckets %v", point.Count, point.BucketCounts)
		}
		if len(point.Exemplars) != 1 || point.Exemplars[0].TraceId[0] != 0x4b || point.Exemplars[0].GetAsDouble() != 0.001 {
			t.Errorf("exemplars %v", point.Exemplars)
		}
		return
	}
	t.Errorf("no %s among %v", duration, rm.ScopeMetrics[0].Metrics)
}

func TestAnUnknownProtocolIsRefusedWithAHint(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	_, err := NewOTLP(context.Background(), testOptions(t, nil))
	if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL") {
		t.Errorf("got %v", err)
	}
}

func TestADeliveryThatFailsIsLoggedOnceAndLosesNothing(t *testing.T) {
	s := &sink{status: http.StatusBadRequest}
	web := httptest.NewServer(s)
	defer web.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", web.URL)
	var log []string
	p, err := NewOTLP(context.Background(), testOptions(t, func(format string, args ...any) {
		log = append(log, fmt.Sprintf(format, args...))
	}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := p.Flush(context.Background()); err != nil {
			t.Error(err)
		}
	}
	s.mu.Lock()
	s.status = 0
	s.mu.Unlock()
	if err := p.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if len(log) != 2 || !strings.Contains(log[0], "400") || !strings.Contains(log[1], "again") {
		t.Errorf("log %q, want a line for each change", log)
	}
	checkReceived(t, s.last(t))
}

func TestABackendWithoutMetricsIsSaidToBeOne(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer() // of no service
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	for protocol, endpoint := range map[string]string{
		"http/protobuf": web.URL, "grpc": "http://" + listener.Addr().String(),
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			var log []string
			p, err := NewOTLP(context.Background(), testOptions(t, func(format string, args ...any) {
				log = append(log, fmt.Sprintf(format, args...))
			}))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(p.Flush(context.Background()), p.Shutdown(context.Background())); err != nil {
				t.Error(err)
			}
			if len(log) != 1 || !strings.Contains(log[0], "takes no metrics") {
				t.Errorf("log %q, want one line that says that the backend takes no metrics", log)
			}
		})
	}
}

// lineList keeps copies of the lines that it is given.
type lineList struct {
	lines [][]byte
	err   error
}

func (l *lineList) WriteLine(line []byte) error {
	l.lines = append(l.lines, append([]byte(nil), line...))
	return l.err
}

func TestLinesHoldWhatOTLPCarries(t *testing.T) {
	s := &sink{}
	web := httptest.NewServer(s)
	defer web.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", web.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=<dba>")
	opts := testOptions(t, t.Logf)
	rm := &metricdata.ResourceMetrics{Resource: opts.Resource}
	var err error
	if rm.ScopeMetrics, err = opts.Producer.Produce(context.Background()); err != nil {
		t.Fatal(err)
	}
	line, err := EncodeJSON(rm)
	if err != nil {
		t.Fatal(err)
	}
	exporter, err := newOTLPExporter(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := exporter.Export(context.Background(), rm); err != nil {
		t.Fatal(err)
	}
	if err := exporter.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := decodeJSON(t, line)
	if diff := cmp.Diff(s.last(t), got.ResourceMetrics[0], protocmp.Transform()); diff != "" {
		t.Errorf("(-OTLP +JSON):\n%s", diff)
	}
}

// decodeJSON reads a line of OTLP JSON with protojson, whose only difference is
// that it wants ids in base64.
func decodeJSON(t *testing.T, line []byte) *collector.ExportMetricsServiceRequest {
	t.Helper()
	var tree any
	if err := json.Unmarshal(line, &tree); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, child := range node {
				walk(child)
			}
		case map[string]any:
			for key, child := range node {
				if key == "traceId" || key == "spanId" {
					id, err := hex.DecodeString(child.(string))
					if err != nil {
						t.Fatal(err)
					}
					node[key] = base64.StdEncoding.EncodeToString(id)
				}
				walk(child)
			}
		}
	}
	walk(tree)
	mended, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	request := &collector.ExportMetricsServiceRequest{}
	if err := protojson.Unmarshal(mended, request); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return request
}

func TestNewLinesWritesALineAtShutdown(t *testing.T) {
	var out lineList
	p := NewLines(&out, testOptions(t, t.Logf))
	if err := p.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(out.lines) != 1 || strings.Contains(string(out.lines[0]), "\n") {
		t.Fatalf("%d lines", len(out.lines))
	}
	checkReceived(t, decodeJSON(t, out.lines[0]).ResourceMetrics[0])
}

func TestALineThatCannotBeWrittenIsLogged(t *testing.T) {
	var log []string
	out := lineList{err: errors.New("no space left on device")}
	p := NewLines(&out, testOptions(t, func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }))
	if err := p.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if len(log) != 1 || !strings.Contains(log[0], "no space left on device") {
		t.Errorf("log %q", log)
	}
}

func TestResourceFollowsTheEnvironment(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "bridge-7")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod")
	r, err := Resource(context.Background(), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"service.name=bridge-7", "service.version=1.2.3", "deployment.environment.name=prod", "host.name=", "process.pid="} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("no %s in %s", want, r)
		}
	}
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "nonsense")
	if r, err := Resource(context.Background(), "1.2.3"); err == nil || !strings.Contains(r.String(), "host.name=") {
		t.Errorf("malformed variable: %v, %v; want an error and the rest", r, err)
	}
}
