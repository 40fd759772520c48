// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

func TestSpansArriveAsTheyAre(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		c := configFor(p, sink)
		c.Version, c.SchemaURL, c.Senders = "1.2.3", "https://opentelemetry.io/schemas/1.43.0", 1
		c.Headers = map[string]string{"x-tenant": "a b", "authorization": "Bearer secret"}
		r := newRig(t, c)
		batch := []bridge.Span{fullSpan(), plainSpan()}
		if err := r.Export(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		r.export(t, 300)
		r.close(t, patient, acked(302))

		traces := sink.Traces()
		if len(traces) != 2 {
			t.Fatalf("%d requests arrived", len(traces))
		}
		ref := reference{version: c.Version, schema: c.SchemaURL}
		requireEqual(t, "first request", ref.request(batch), traces[0])
		requireEqual(t, "second request", ref.request(typicalBatch(300)), traces[1])
		call := sink.Calls()[0]
		if call.Header.Get("x-tenant") != "a b" || call.Header.Get("authorization") != "Bearer secret" {
			t.Errorf("headers did not arrive: %v", call.Header)
		}
		if agent := call.Header.Get("user-agent"); len(agent) < 16 || agent[:16] != "spanbridge/1.2.3" {
			t.Errorf("user agent %q", agent)
		}
	})
}

func TestGzipIsUsedWhenAskedFor(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		sink.SetFault(otlptest.Fault{Status: 503, Code: codes.Unavailable, Times: 2}) // attempts share what is compressed
		c := configFor(p, sink)
		c.Compression, c.Senders = CompressionGzip, 1
		r := newRig(t, c)
		r.export(t, 100)
		r.export(t, 50)
		r.close(t, patient, retried(acked(150), 2))
		requireEqual(t, "request", reference{}.request(typicalBatch(100)), sink.Traces()[0])
		for _, call := range sink.Calls() {
			if call.Compression != "gzip" {
				t.Errorf("compression %q", call.Compression)
			}
		}
	})
}

func TestCollectorThatIsDownAtFirst(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		r := newRig(t, configFor(p, sink))
		sink.Down()
		r.export(t, 23)
		waitFor(t, func() bool { return r.tally.Counts().Retries > 3 })
		if err := sink.Up(); err != nil {
			t.Fatal(err)
		}
		r.close(t, patient, retried(acked(23), anyRetries))
		if n := len(sink.Spans()); n != 23 {
			t.Errorf("%d spans arrived", n)
		}
		if r.lines.count("cannot deliver") != 1 || r.lines.count("is back") != 1 || len(r.lines.all()) != 2 {
			t.Errorf("lines: %q", r.lines.all())
		}
		if r.lines.count("connection refused") != 1 || r.lines.count("(is it running? set OTEL_EXPORTER_OTLP_ENDPOINT); retrying") != 1 {
			t.Errorf("no hint: %q", r.lines.all())
		}
	})
}

func TestCollectorThatStaysDown(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		sink.Down()
		c := configFor(p, sink)
		c.MaxElapsed = 150 * time.Millisecond
		r := newRig(t, c)
		r.export(t, 10)
		waitFor(t, func() bool { return r.tally.Counts().Dropped[bridge.DropExpired] == 10 })
		r.close(t, time.Second, retried(dropped(bridge.DropExpired, 10), anyRetries))
	})
}

func TestCollectorThatNeverAnswers(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		sink.SetFault(otlptest.Fault{Hang: true})
		c := configFor(p, sink)
		c.Timeout, c.MaxElapsed = 100*time.Millisecond, time.Second
		r := newRig(t, c)
		r.export(t, 10)
		start := time.Now()
		waitFor(t, func() bool { return r.tally.Counts().Dropped[bridge.DropExpired] == 10 })
		if took := time.Since(start); took < 500*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
		r.close(t, time.Second, retried(dropped(bridge.DropExpired, 10), anyRetries))
		if n := len(sink.Calls()); n < 2 {
			t.Errorf("%d attempts", n)
		}
	})
}

// A listener whose connections nobody serves accepts them all the same.
func TestPeerThatSpeaksNoProtocolAtAll(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, p := range allProtocols {
		t.Run(string(p), func(t *testing.T) {
			r := newRig(t, fast(Config{
				Protocol: p, Endpoint: "http://" + listener.Addr().String(),
				Timeout: 40 * time.Millisecond, MaxElapsed: 200 * time.Millisecond,
			}))
			r.export(t, 5)
			waitFor(t, func() bool { return r.tally.Counts().Queued == 0 })
			r.close(t, time.Second, retried(dropped(bridge.DropExpired, 5), anyRetries))
		})
	}
}

func TestTemporaryFailuresAreTriedAgain(t *testing.T) {
	faults := map[string]otlptest.Fault{
		"429 and OUT_OF_RANGE": {Status: 429, Code: codes.OutOfRange},
		"502 and ABORTED":      {Status: 502, Code: codes.Aborted},
		"503 and UNAVAILABLE":  {Status: 503, Code: codes.Unavailable},
		"504 and DATA_LOSS":    {Status: 504, Code: codes.DataLoss},
		"CANCELLED":            {Status: 503, Code: codes.Canceled},
		"DEADLINE_EXCEEDED":    {Status: 503, Code: codes.DeadlineExceeded},
	}
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				fault.Times = 3
				sink.SetFault(fault)
				r := newRig(t, configFor(p, sink))
				r.export(t, 7)
				r.close(t, patient, retried(acked(7), 3))
			})
		}
	})
}

func TestPermanentFailuresAreDroppedOnce(t *testing.T) {
	faults := map[string]otlptest.Fault{
		"400 and INVALID_ARGUMENT":                     {Status: 400, Code: codes.InvalidArgument},
		"401 and UNAUTHENTICATED":                      {Status: 401, Code: codes.Unauthenticated},
		"404 and UNIMPLEMENTED":                        {Status: 404, Code: codes.Unimplemented},
		"413 and INTERNAL":                             {Status: 413, Code: codes.Internal},
		"500 and UNKNOWN":                              {Status: 500, Code: codes.Unknown},
		"501 and RESOURCE_EXHAUSTED without RetryInfo": {Status: 501, Code: codes.ResourceExhausted},
		"403 and PERMISSION_DENIED":                    {Status: 403, Code: codes.PermissionDenied},
	}
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				before := len(sink.Calls())
				fault.Message = "no \x1b]0;thanks\nfake line"
				sink.SetFault(fault)
				r := newRig(t, configFor(p, sink))
				r.export(t, 7)
				r.close(t, patient, dropped(bridge.DropRefused, 7))
				if n := len(sink.Calls()) - before; n != 1 {
					t.Errorf("%d attempts", n)
				}
				if r.lines.count("refuses spans, 7 dropped") != 1 || r.lines.count("no ]0;thanks fake line") != 1 {
					t.Errorf("lines: %q", r.lines.all())
				}
			})
		}
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	sink := otlptest.Start(t, otlptest.Options{})
	for _, code := range []int{http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			elsewhere := httptest.NewServer(http.RedirectHandler(sink.HTTPEndpoint()+"/v1/traces", code))
			defer elsewhere.Close()
			r := newRig(t, fast(Config{Endpoint: elsewhere.URL}))
			r.export(t, 3)
			r.close(t, patient, dropped(bridge.DropRefused, 3))
		})
	}
	if n := len(sink.Calls()); n != 0 {
		t.Errorf("%d requests were redirected", n)
	}
}

func TestReceiverAsksForAWait(t *testing.T) {
	for name, fault := range map[string]otlptest.Fault{
		"in seconds": {Status: 429, Code: codes.ResourceExhausted, RetryAfter: time.Second, Times: 1},
		"as a date":  {Status: 503, Code: codes.Unavailable, RetryAfter: time.Second, RetryAfterDate: true, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
				t.Parallel()
				sink.SetFault(fault)
				c := configFor(p, sink)
				c.Senders = 2
				r := newRig(t, c)
				r.export(t, 7)
				waitFor(t, func() bool { return len(sink.Calls()) == 1 })
				waitFor(t, func() bool { return r.sender.closedTill.Load() != 0 })
				r.export(t, 5) // the other sender has to wait as well
				r.close(t, patient, retried(acked(12), 1))
				calls := sink.Calls()
				for _, call := range calls[1:] {
					if wait := call.Time.Sub(calls[0].Time); wait < 900*time.Millisecond {
						t.Errorf("came back after %v", wait)
					}
				}
			})
		})
	}
}

func TestWaitBeyondTheTimeForRetriesExpires(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		sink.SetFault(otlptest.Fault{Status: 429, Code: codes.ResourceExhausted, RetryAfter: time.Hour})
		c := configFor(p, sink)
		c.Senders = 1
		r := newRig(t, c)
		r.export(t, 7)
		waitFor(t, func() bool { return r.tally.Counts().DroppedTotal() == 7 })
		r.export(t, 5) // waits in the queue instead
		want := dropped(bridge.DropExpired, 7)
		want.Taken, want.Dropped[bridge.DropShutdown] = 12, 5
		r.close(t, 50*time.Millisecond, want)
		if n := len(sink.Calls()); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
}

func TestPartialSuccess(t *testing.T) {
	cases := map[string]struct {
		rejected      int64
		acked, refuse uint64
	}{
		"some spans":                     {3, 7, 3},
		"a warning without any span":     {0, 10, 0},
		"more than there are":            {1000, 0, 10},
		"fewer than none, which is none": {-4, 10, 0},
	}
	forEachProtocol(t, func(t *testing.T, p Protocol, sink *otlptest.Sink) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				sink.SetFault(otlptest.Fault{Rejected: c.rejected, Message: "too many\nattributes"})
				r := newRig(t, configFor(p, sink))
				r.export(t, 10)
				r.close(t, patient, bridge.TallyCounts{Taken: 10, Acked: c.acked, Rejected: c.refuse})
				if r.lines.count("too many attributes") != 1 {
					t.Errorf("lines: %q", r.lines.all())
				}
			})
		}
	})
}

func TestHugeReplyIsNotRead(t *testing.T) {
	const huge = 1 << 30
	for _, p := range []Protocol{ProtocolHTTPProtobuf, ProtocolHTTPJSON} {
		t.Run(string(p), func(t *testing.T) {
			sink := otlptest.Start(t, otlptest.Options{})
			sink.SetFault(otlptest.Fault{ReplyBytes: huge})
			r := newRig(t, configFor(p, sink))
			r.export(t, 10)
			r.close(t, patient, acked(10))
			// What the kernel's socket buffers took does not count.
			if n := sink.ReplyWritten(); n > 32<<20 {
				t.Errorf("took %d bytes of the reply", n)
			}
		})
	}
	t.Run("grpc", func(t *testing.T) {
		sink := otlptest.Start(t, otlptest.Options{})
		sink.SetFault(otlptest.Fault{ReplyBytes: 8 << 20})
		r := newRig(t, configFor(ProtocolGRPC, sink))
		r.export(t, 10)
		r.close(t, patient, dropped(bridge.DropRefused, 10))
	})
}

// After two timeouts in a row the gRPC connection is made anew.
func TestStalledConnectionIsReplaced(t *testing.T) {
	sink := otlptest.Start(t, otlptest.Options{})
	sink.SetFault(otlptest.Fault{Hang: true, Times: 2})
	c := configFor(ProtocolGRPC, sink)
	c.Timeout, c.Senders = 100*time.Millisecond, 1
	r := newRig(t, c)
	transport, ok := r.sender.transport.(*grpcTransport)
	if !ok {
		t.Fatal("no gRPC transport")
	}
	transport.mu.Lock()
	before := transport.conn
	transport.mu.Unlock()
	r.export(t, 3)
	r.close(t, patient, retried(acked(3), anyRetries))
	if transport.conn == before {
		t.Error("the connection is still the old one")
	}
}

func waitFor(t testing.TB, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}
