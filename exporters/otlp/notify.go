// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"strings"
	"sync"
	"time"
)

// Lines to people come at most this often: per change of the connection, and
// per kind of complaint.
const (
	changeInterval    = 10 * time.Second
	complaintInterval = time.Minute
)

// complaint is a kind of loss that people are told about.
type complaint uint8

const (
	complaintRefused complaint = iota
	complaintRejected
	complaintQueueFull
	numComplaints
)

// notifier turns what happens to requests into few lines. It is safe for
// concurrent use.
type notifier struct {
	endpoint string
	logf     func(string, ...any)
	now      func() time.Time

	mu         sync.Mutex
	isDown     bool
	told       bool // that it is down
	since      time.Time
	lastChange time.Time
	complaints [numComplaints]struct {
		last  time.Time
		spans int // untold
	}
}

// down is called for an attempt that did not reach the receiver or was put off
// by it.
func (n *notifier) down(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if !n.isDown {
		n.isDown, n.told, n.since = true, false, now
	}
	if n.told || n.tooSoon(n.lastChange, changeInterval) {
		return
	}
	n.told, n.lastChange = true, now
	n.logf("cannot deliver to collector at %s: %s%s; retrying", n.endpoint, clean(err.Error()), hint(err))
}

// up is called for every answer that settles a request.
func (n *notifier) up() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.isDown {
		return
	}
	n.isDown = false
	if n.told {
		n.logf("collector at %s is back after %s", n.endpoint, n.now().Sub(n.since).Round(time.Second))
	}
}

// refused is called for spans given up after a permanent failure.
func (n *notifier) refused(spans int, err error) {
	if total, ok := n.complain(complaintRefused, spans); ok {
		n.logf("collector at %s refuses spans, %d dropped: %s%s", n.endpoint, total, clean(err.Error()), hint(err))
	}
}

// answered is called for spans that the receiver rejected from a request that
// it accepted, and for warnings, with 0.
func (n *notifier) answered(rejected int, message string) {
	if total, ok := n.complain(complaintRejected, rejected); ok {
		n.logf("collector at %s rejected %d spans of accepted requests: %s", n.endpoint, total, clean(message))
	}
}

// queueFull is called for spans that found no room.
func (n *notifier) queueFull(spans int) {
	if total, ok := n.complain(complaintQueueFull, spans); ok {
		n.logf("queue for collector at %s is full, %d spans dropped", n.endpoint, total)
	}
}

// complain adds up spans and returns the sum when it is time for a line.
func (n *notifier) complain(kind complaint, spans int) (total int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &n.complaints[kind]
	c.spans += spans
	if n.tooSoon(c.last, complaintInterval) {
		return 0, false
	}
	total = c.spans
	c.last, c.spans = n.now(), 0
	return total, true
}

func (n *notifier) tooSoon(last time.Time, interval time.Duration) bool {
	return !last.IsZero() && n.now().Sub(last) < interval
}

// hints are what helps against errors that have this text, the most telling
// first. Errors of gRPC consist of nothing but text.
var hints = [...]struct{ text, advice string }{
	{"connection refused", "is it running? set OTEL_EXPORTER_OTLP_ENDPOINT"},
	{"no such host", "check the host in OTEL_EXPORTER_OTLP_ENDPOINT"},
	{"x509: ", "check OTEL_EXPORTER_OTLP_CERTIFICATE and the host in OTEL_EXPORTER_OTLP_ENDPOINT"},
	{"server gave HTTP response to HTTPS client", "it speaks plaintext there: use http://"},
	{"first record does not look like a TLS handshake", "it speaks plaintext there: use http://"},
	{"certificate required", "set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY"},
	{"malformed HTTP response", "is this its gRPC port? set OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
	{"server preface", "is this its HTTP port? set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
	{"deadline exceeded", "it does not answer in time; see OTEL_EXPORTER_OTLP_TIMEOUT"},
	{"status 404", "check the path in OTEL_EXPORTER_OTLP_ENDPOINT"},
	{"Unimplemented", "it has no OTLP traces service there"},
	{"status 401", "check OTEL_EXPORTER_OTLP_HEADERS"},
	{"status 403", "check OTEL_EXPORTER_OTLP_HEADERS"},
	{"Unauthenticated", "check OTEL_EXPORTER_OTLP_HEADERS"},
	{"PermissionDenied", "check OTEL_EXPORTER_OTLP_HEADERS"},
}

func hint(err error) string {
	text := err.Error()
	for _, h := range hints {
		if strings.Contains(text, h.text) {
			return " (" + h.advice + ")"
		}
	}
	return ""
}
