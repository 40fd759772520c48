// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Options configure a [Sink].
type Options struct {
	// TLS makes both endpoints speak TLS. It needs a certificate for 127.0.0.1
	// unless a test wants it otherwise.
	TLS *tls.Config
}

// Span is an accepted span with what it was sent under.
type Span struct {
	*tracepb.Span
	Resource *resourcepb.Resource
	Scope    *commonpb.InstrumentationScope
}

// Call is one request as it arrived, accepted or not.
type Call struct {
	Time        time.Time
	Path        string      // HTTP path or gRPC method
	Header      http.Header // HTTP header or gRPC metadata
	Compression string      // "" or "gzip"
	ContentType string      // HTTP only
	Err         error       // why the request was malformed
}

// Sink is a running receiver. All methods are safe for concurrent use.
type Sink struct {
	tls        *tls.Config
	grpc, http endpoint

	mu      sync.Mutex
	fault   Fault
	traces  []*coltracepb.ExportTraceServiceRequest
	metrics []*colmetricspb.ExportMetricsServiceRequest
	calls   []Call
	written int64
	changed chan struct{} // closed and replaced at every change
}

// Start runs a sink until the end of the test.
func Start(tb testing.TB, opts Options) *Sink {
	tb.Helper()
	s := &Sink{tls: opts.TLS, changed: make(chan struct{})}
	s.grpc.serve, s.http.serve = s.serveGRPC, s.serveHTTP
	if err := s.Up(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Down)
	return s
}

// Up listens again, on the same ports as before.
func (s *Sink) Up() error {
	if err := s.grpc.up(); err != nil {
		return fmt.Errorf("start OTLP/gRPC sink: %w", err)
	}
	if err := s.http.up(); err != nil {
		return fmt.Errorf("start OTLP/HTTP sink: %w", err)
	}
	return nil
}

// Down closes all connections and stops listening: connections are refused.
func (s *Sink) Down() {
	s.grpc.down()
	s.http.down()
}

// GRPCEndpoint is the URL of the gRPC receiver.
func (s *Sink) GRPCEndpoint() string { return s.scheme() + s.grpc.address }

// HTTPEndpoint is the base URL of the HTTP receiver, to which /v1/traces and
// /v1/metrics are appended.
func (s *Sink) HTTPEndpoint() string { return s.scheme() + s.http.address }

func (s *Sink) scheme() string {
	if s.tls != nil {
		return "https://"
	}
	return "http://"
}

// SetFault makes the sink misbehave from the next request on.
func (s *Sink) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// takeFault returns the fault that the present request suffers.
func (s *Sink) takeFault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fault
	if f.Times == 1 {
		s.fault = Fault{}
	} else if f.Times > 1 {
		s.fault.Times--
	}
	return f
}

// Calls returns every request so far, also the spoilt ones.
func (s *Sink) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Traces returns the accepted traces requests in order of arrival.
func (s *Sink) Traces() []*coltracepb.ExportTraceServiceRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.traces)
}

// Metrics returns the accepted metrics requests in order of arrival.
func (s *Sink) Metrics() []*colmetricspb.ExportMetricsServiceRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.metrics)
}

// Spans returns the accepted spans in order of arrival.
func (s *Sink) Spans() []Span {
	var spans []Span
	for _, request := range s.Traces() {
		for _, rs := range request.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				for _, span := range ss.GetSpans() {
					spans = append(spans, Span{Span: span, Resource: rs.GetResource(), Scope: ss.GetScope()})
				}
			}
		}
	}
	return spans
}

// ReplyWritten is how many bytes of oversized replies clients have taken.
func (s *Sink) ReplyWritten() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// Wait returns once the condition holds, which is asked again after every
// request, and fails the test when the time has run out.
func (s *Sink) Wait(tb testing.TB, timeout time.Duration, condition func() bool) {
	tb.Helper()
	expired := time.After(timeout)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if condition() {
			return
		}
		select {
		case <-changed:
		case <-expired:
			tb.Fatalf("after %v the OTLP sink has %d calls and %d spans", timeout, len(s.Calls()), len(s.Spans()))
		}
	}
}

// WaitSpans returns the spans once there are at least n.
func (s *Sink) WaitSpans(tb testing.TB, n int, timeout time.Duration) []Span {
	tb.Helper()
	s.Wait(tb, timeout, func() bool { return len(s.Spans()) >= n })
	return s.Spans()
}

// change runs f under the lock and wakes the waiters.
func (s *Sink) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}
