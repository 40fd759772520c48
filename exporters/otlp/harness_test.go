// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

// lines collects what people would be told.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fmt.Sprintf(format, args...))
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.list...)
}

func (l *lines) count(part string) (n int) {
	for _, line := range l.all() {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// patient is how long tests wait for what takes milliseconds on an idle machine.
const patient = time.Minute

// rig is an exporter under test.
type rig struct {
	*Exporter
	tally *bridge.Tally
	lines *lines
}

// fast retries within milliseconds.
func fast(c Config) Config {
	setDefault(&c.InitialBackoff, 5*time.Millisecond)
	setDefault(&c.MaxBackoff, 20*time.Millisecond)
	setDefault(&c.Timeout, patient)
	setDefault(&c.MaxElapsed, 2*patient)
	return c
}

func newRig(t testing.TB, c Config) *rig {
	t.Helper()
	r := &rig{tally: new(bridge.Tally), lines: new(lines)}
	c.Logf = r.lines.logf
	x, err := New(c, r.tally)
	if err != nil {
		t.Fatal(err)
	}
	r.Exporter = x
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = x.Shutdown(ctx) // most tests have done so already
	})
	return r
}

func (r *rig) export(t testing.TB, spans int) {
	t.Helper()
	if err := r.Export(context.Background(), typicalBatch(spans)); err != nil {
		t.Fatal(err)
	}
}

// close shuts down within the time and compares the ledger, which must close.
func (r *rig) close(t testing.TB, within time.Duration, want bridge.TallyCounts) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	err := r.Shutdown(ctx)
	if lost := want.Dropped[bridge.DropShutdown] > 0; lost != (err != nil) {
		t.Errorf("shutdown: %v", err)
	}
	got := r.tally.Counts()
	if sum := got.Acked + got.Rejected + got.DroppedTotal(); sum != got.Taken || got.Queued != 0 {
		t.Errorf("the ledger does not close: %+v", got)
	}
	if want.Retries == anyRetries {
		want.Retries = got.Retries
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ledger, want -, got +:\n%s\n%s", diff, strings.Join(r.lines.all(), "\n"))
	}
}

const anyRetries = ^uint64(0)

func acked(n uint64) bridge.TallyCounts { return bridge.TallyCounts{Taken: n, Acked: n} }

func dropped(reason bridge.DropReason, n uint64) bridge.TallyCounts {
	c := bridge.TallyCounts{Taken: n}
	c.Dropped[reason] = n
	return c
}

func retried(c bridge.TallyCounts, n uint64) bridge.TallyCounts {
	c.Retries = n
	return c
}

func configFor(p Protocol, sink *otlptest.Sink) Config {
	if p == ProtocolGRPC {
		return fast(Config{Protocol: p, Endpoint: sink.GRPCEndpoint()})
	}
	return fast(Config{Protocol: p, Endpoint: sink.HTTPEndpoint() + "/v1/traces"})
}

var allProtocols = []Protocol{ProtocolGRPC, ProtocolHTTPProtobuf, ProtocolHTTPJSON}

// forEachProtocol runs a test over every protocol with a sink of its own.
func forEachProtocol(t *testing.T, test func(*testing.T, Protocol, *otlptest.Sink)) {
	for _, p := range allProtocols {
		t.Run(string(p), func(t *testing.T) { test(t, p, otlptest.Start(t, otlptest.Options{})) })
	}
}
