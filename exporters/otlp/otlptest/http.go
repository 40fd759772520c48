// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"strconv"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func (s *Sink) serveHTTP(listener net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", s.handleHTTP)
	mux.HandleFunc("POST /v1/metrics", s.handleHTTP)
	server := &http.Server{
		Handler:     mux,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(io.Discard, "", 0), // refused handshakes are what some tests are about
	}
	if s.tls != nil {
		listener = tls.NewListener(listener, s.tls)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // always returns ErrServerClosed
	}()
	return func() {
		cancel()
		_ = server.Close()
		<-done
	}
}

func (s *Sink) handleHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	accept := func() {}
	if err == nil {
		accept, err = s.decode(r.URL.Path, contentType, body)
	}
	s.change(func() {
		s.calls = append(s.calls, Call{
			Time: time.Now(), Path: r.URL.Path, Header: r.Header, ContentType: contentType,
			Compression: r.Header.Get("Content-Encoding"), Err: err,
		})
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.answerHTTP(w, r, accept)
}

func (s *Sink) answerHTTP(w http.ResponseWriter, r *http.Request, accept func()) {
	f := s.takeFault()
	switch {
	case f.Hang:
		<-r.Context().Done()
	case f.Status != 0:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", f.retryAfter())
		}
		http.Error(w, f.Message, f.Status)
	case f.ReplyBytes > 0:
		s.change(accept)
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		s.writeNonsense(w, f.ReplyBytes)
	default:
		s.change(accept)
		s.reply(w, r, f)
	}
}

func (f Fault) retryAfter() string {
	if f.RetryAfterDate {
		return time.Now().Add(f.RetryAfter + time.Second - 1).UTC().Format(http.TimeFormat)
	}
	return strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10)
}

func (s *Sink) writeNonsense(w io.Writer, size int64) {
	chunk := make([]byte, 64<<10)
	for size > 0 {
		n, err := w.Write(chunk[:min(size, int64(len(chunk)))])
		s.change(func() { s.written += int64(n) })
		if err != nil {
			return
		}
		size -= int64(n)
	}
}

func (s *Sink) reply(w http.ResponseWriter, r *http.Request, f Fault) {
	var response proto.Message = tracesResponse(f)
	if r.URL.Path == "/v1/metrics" {
		response = metricsResponse(f)
	}
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	marshal := proto.Marshal
	if contentType == "application/json" {
		marshal = protojson.Marshal
	}
	body, err := marshal(response)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body) // a client that has gone is its own business
}

func readBody(r *http.Request) ([]byte, error) {
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
		return io.ReadAll(r.Body)
	case "gzip":
		reader, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, fmt.Errorf("open gzip body: %w", err)
		}
		return io.ReadAll(reader)
	default:
		return nil, fmt.Errorf("unknown content encoding %q", encoding)
	}
}

// decode returns the function that keeps the request.
func (s *Sink) decode(path, contentType string, body []byte) (accept func(), err error) {
	var into proto.Message
	if path == "/v1/metrics" {
		request := &colmetricspb.ExportMetricsServiceRequest{}
		into, accept = request, func() { s.metrics = append(s.metrics, request) }
	} else {
		request := &coltracepb.ExportTraceServiceRequest{}
		into, accept = request, func() { s.traces = append(s.traces, request) }
	}
	switch contentType {
	case "application/x-protobuf":
		err = proto.Unmarshal(body, into)
	case "application/json":
		err = unmarshalJSON(body, into)
	default:
		err = fmt.Errorf("unknown content type %q", contentType)
	}
	if request, ok := into.(*coltracepb.ExportTraceServiceRequest); ok && err == nil {
		err = check(request)
	}
	return accept, err
}

func tracesResponse(f Fault) *coltracepb.ExportTraceServiceResponse {
	response := &coltracepb.ExportTraceServiceResponse{}
	if f.Rejected != 0 || f.Message != "" {
		response.PartialSuccess = &coltracepb.ExportTracePartialSuccess{RejectedSpans: f.Rejected, ErrorMessage: f.Message}
	}
	return response
}

func metricsResponse(f Fault) *colmetricspb.ExportMetricsServiceResponse {
	response := &colmetricspb.ExportMetricsServiceResponse{}
	if f.Rejected != 0 || f.Message != "" {
		response.PartialSuccess = &colmetricspb.ExportMetricsPartialSuccess{RejectedDataPoints: f.Rejected, ErrorMessage: f.Message}
	}
	return response
}
