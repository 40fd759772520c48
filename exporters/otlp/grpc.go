// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// stalledAttempts is how many attempts in a row may time out before the
// connection is made anew. A peer that is gone without a word would otherwise
// hold it for as long as the kernel retransmits, about a quarter of an hour;
// gRPC's keepalive pings are refused by servers with the usual settings.
const stalledAttempts = 2

// grpcTransport speaks OTLP/gRPC.
type grpcTransport struct {
	target  string
	dial    []grpc.DialOption
	call    []grpc.CallOption
	headers metadata.MD

	mu      sync.Mutex
	conn    *grpc.ClientConn
	stalled int
}

func newGRPCTransport(c Config, d destination) (*grpcTransport, error) {
	creds := insecure.NewCredentials()
	if !d.plaintext {
		tlsConfig, err := c.tlsConfig()
		if err != nil {
			return nil, err
		}
		creds = credentials.NewTLS(tlsConfig)
	}
	t := &grpcTransport{
		target: d.target,
		dial: []grpc.DialOption{
			grpc.WithTransportCredentials(creds),
			grpc.WithUserAgent(userAgent(c.Version)),
			grpc.WithDisableRetry(), // retries are ours, and counted
			grpc.WithDisableServiceConfig(),
			// gRPC would let a connection rest for up to two minutes.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: grpcbackoff.Config{
					BaseDelay: c.InitialBackoff / 2, Multiplier: 1.6, Jitter: 0.2, MaxDelay: c.MaxBackoff / 2,
				},
				MinConnectTimeout: c.Timeout,
			}),
		},
		call:    []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})},
		headers: metadata.New(c.Headers),
	}
	if c.Compression == CompressionGzip {
		t.call = append(t.call, grpc.UseCompressor(gzip.Name))
	}
	return t, t.connect()
}

// connect makes a connection, which gRPC opens at the first call.
func (t *grpcTransport) connect() error {
	conn, err := grpc.NewClient(t.target, t.dial...)
	if err != nil {
		return fmt.Errorf("set up gRPC to %s: %w", t.target, err)
	}
	t.conn = conn
	return nil
}

func (t *grpcTransport) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.conn.Close() // fails only if it is closed already
}

func (t *grpcTransport) send(ctx context.Context, r *request) (answer, *failure) {
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	var a answer
	err := conn.Invoke(metadata.NewOutgoingContext(ctx, t.headers), exportMethod, r.body, &a, t.call...)
	t.watch(conn, err)
	if err != nil {
		return answer{}, grpcFailure(err)
	}
	return a, nil
}

// watch replaces a connection on which nothing comes back any more.
func (t *grpcTransport) watch(conn *grpc.ClientConn, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if conn != t.conn {
		return
	}
	if status.Code(err) != codes.DeadlineExceeded {
		t.stalled = 0
		return
	}
	if t.stalled++; t.stalled < stalledAttempts {
		return
	}
	t.stalled = 0
	if t.connect() == nil {
		_ = conn.Close() // ends other attempts on it, which are tried again
	}
}

// grpcFailure applies https://opentelemetry.io/docs/specs/otlp/#failures.
func grpcFailure(err error) *failure {
	s := status.Convert(err)
	f := &failure{err: &codeError{code: s.Code(), text: clean(s.Message())}}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			f.after = max(0, info.GetRetryDelay().AsDuration())
			f.retry = s.Code() == codes.ResourceExhausted
		}
	}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		f.retry = true
	}
	return f
}

// codeError is a gRPC status that is no success.
type codeError struct {
	code codes.Code
	text string
}

func (e *codeError) Error() string { return fmt.Sprintf("gRPC status %s: %s", e.code, e.text) }

// rawCodec takes requests that are encoded already. Responses become answers.
type rawCodec struct{}

var errCodec = errors.New("use OTLP codec for a foreign type")

// Name makes the content type that of protobuf.
func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*buffer)
	if !ok {
		return nil, errCodec
	}
	b.ref()
	return mem.BufferSlice{mem.NewBuffer(&b.data, lender{b})}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	a, ok := v.(*answer)
	if !ok {
		return errCodec
	}
	// An answer that makes no sense does not undo that the spans were accepted.
	if decoded, err := decodeResponse(data.Materialize()); err == nil {
		*a = decoded
	}
	return nil
}

// lender is the pool that gRPC hands a request's memory back to, once it has
// written it or given it up.
type lender struct{ buffer *buffer }

func (lender) Get(size int) *[]byte { b := make([]byte, size); return &b }
func (l lender) Put(*[]byte)        { l.buffer.unref() }

var _ mem.BufferPool = lender{}
