// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // registers the compressor
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func (s *Sink) serveGRPC(listener net.Listener) (stop func()) {
	options := []grpc.ServerOption{grpc.StatsHandler(arrivals{s}), grpc.MaxRecvMsgSize(4 << 20)}
	if s.tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.tls)))
	}
	server := grpc.NewServer(options...)
	coltracepb.RegisterTraceServiceServer(server, tracesServer{sink: s})
	colmetricspb.RegisterMetricsServiceServer(server, metricsServer{sink: s})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // returns nil once stopped
	}()
	return func() {
		server.Stop()
		<-done
	}
}

type tracesServer struct {
	coltracepb.UnimplementedTraceServiceServer
	sink *Sink
}

func (t tracesServer) Export(ctx context.Context, request *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	if err := check(request); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	f := t.sink.takeFault()
	if err := f.spoilGRPC(ctx); err != nil {
		return nil, err
	}
	t.sink.change(func() { t.sink.traces = append(t.sink.traces, request) })
	return tracesResponse(f), nil
}

type metricsServer struct {
	colmetricspb.UnimplementedMetricsServiceServer
	sink *Sink
}

func (m metricsServer) Export(ctx context.Context, request *colmetricspb.ExportMetricsServiceRequest) (*colmetricspb.ExportMetricsServiceResponse, error) {
	f := m.sink.takeFault()
	if err := f.spoilGRPC(ctx); err != nil {
		return nil, err
	}
	m.sink.change(func() { m.sink.metrics = append(m.sink.metrics, request) })
	return metricsResponse(f), nil
}

func (f *Fault) spoilGRPC(ctx context.Context) error {
	switch {
	case f.Hang:
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case f.Code != codes.OK:
		answer := status.New(f.Code, f.Message)
		if f.RetryAfter > 0 {
			detailed, err := answer.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
			if err != nil {
				return err
			}
			answer = detailed
		}
		return answer.Err()
	case f.ReplyBytes > 0:
		f.Message = strings.Repeat("x", int(f.ReplyBytes))
	}
	return nil
}

// arrivals records calls from the transport's own account, the only place
// where gRPC tells how a request was compressed.
type arrivals struct{ sink *Sink }

func (arrivals) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (arrivals) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (arrivals) HandleConn(context.Context, stats.ConnStats)                       {}

func (a arrivals) HandleRPC(_ context.Context, event stats.RPCStats) {
	in, ok := event.(*stats.InHeader)
	if !ok {
		return
	}
	a.sink.change(func() {
		a.sink.calls = append(a.sink.calls, Call{
			Time: time.Now(), Path: in.FullMethod, Header: header(in.Header), Compression: in.Compression,
		})
	})
}

func header(md metadata.MD) http.Header {
	h := make(http.Header, len(md))
	for name, values := range md {
		for _, value := range values {
			h.Add(name, value)
		}
	}
	return h
}
