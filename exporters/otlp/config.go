// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Protocol is a transport with an encoding, by the names of
// OTEL_EXPORTER_OTLP_PROTOCOL.
type Protocol string

// The protocols of the specification.
const (
	ProtocolGRPC         Protocol = "grpc"
	ProtocolHTTPProtobuf Protocol = "http/protobuf"
	ProtocolHTTPJSON     Protocol = "http/json"
)

// Compression of requests, by the names of OTEL_EXPORTER_OTLP_COMPRESSION.
type Compression string

// The compressions. On loopback gzip costs several times what it saves.
const (
	CompressionNone Compression = "none"
	CompressionGzip Compression = "gzip"
)

// Defaults of [Config]. The first three are the specification's.
const (
	DefaultEndpointHTTP   = "http://localhost:4318/v1/traces"
	DefaultEndpointGRPC   = "http://localhost:4317"
	DefaultTimeout        = 10 * time.Second
	DefaultMaxElapsed     = 60 * time.Second
	DefaultInitialBackoff = time.Second
	DefaultMaxBackoff     = 10 * time.Second
	DefaultQueueSpans     = 256 << 10
	DefaultQueueBytes     = 64 << 20
	DefaultRequestBytes   = 2 << 20
	DefaultSenders        = 2
)

// Config says where and how to deliver. The zero value of every field stands
// for its default.
type Config struct {
	Protocol Protocol // default http/protobuf

	// Endpoint is a URL with the scheme http (plaintext) or https. For the HTTP
	// protocols it is used as it is, with its path; for gRPC only host and port
	// count, and a target in gRPC's own syntax (host:port, dns:///host:port,
	// unix:///path) is taken as well, to which Insecure applies.
	Endpoint string
	// Insecure turns TLS off for a gRPC endpoint without a scheme of its own.
	// With http and https the scheme decides.
	Insecure bool

	// Headers are sent with every request, as gRPC metadata or HTTP headers.
	// They often carry credentials and are never logged.
	Headers Headers

	Compression Compression // default none

	// CertificateFile replaces the system's roots, PEM.
	CertificateFile string
	// ClientCertificateFile and ClientKeyFile are for mutual TLS, PEM. The key
	// is refused if other users may read it.
	ClientCertificateFile string
	ClientKeyFile         string

	// Timeout limits one attempt to deliver a request.
	Timeout time.Duration
	// MaxElapsed limits all attempts to deliver one request, waiting included:
	// after it no further attempt begins and the spans are dropped as expired.
	MaxElapsed time.Duration
	// InitialBackoff is the wait after the first failed attempt, give or take
	// its jitter. It doubles up to MaxBackoff.
	InitialBackoff time.Duration
	MaxBackoff     time.Duration

	// QueueSpans and QueueBytes bound what waits for delivery, requests under
	// way included. When either is reached, new spans are dropped.
	QueueSpans int
	QueueBytes int
	// RequestBytes is the size above which a batch is split into several
	// requests. It counts before compression and stays below the 4 MiB that
	// gRPC receivers accept by default. A single span is never split.
	RequestBytes int
	// Senders is the number of requests under way at the same time. Above 1,
	// batches may arrive out of order.
	Senders int

	// Version is the program's version, for the scope and the user agent.
	Version string
	// SchemaURL names the semantic conventions that attributes follow.
	SchemaURL string

	// Logf is told when the receiver goes away and when it is back, and what it
	// refuses, at a bounded rate. It may be called by several goroutines. Nil
	// discards.
	Logf func(format string, args ...any)
}

// Headers are names with values. Printing them leaves the values out.
type Headers map[string]string

func (h Headers) String() string {
	names := slices.Sorted(maps.Keys(h))
	for i := range names {
		names[i] += "=…"
	}
	return strings.Join(names, ",")
}

// GoString is String, for %#v.
func (h Headers) GoString() string { return h.String() }

// withDefaults fills what is zero.
func (c Config) withDefaults() Config {
	setDefault(&c.Protocol, ProtocolHTTPProtobuf)
	if c.Protocol == ProtocolGRPC {
		setDefault(&c.Endpoint, DefaultEndpointGRPC)
	} else {
		setDefault(&c.Endpoint, DefaultEndpointHTTP)
	}
	setDefault(&c.Compression, CompressionNone)
	setDefault(&c.Timeout, DefaultTimeout)
	setDefault(&c.MaxElapsed, DefaultMaxElapsed)
	setDefault(&c.InitialBackoff, DefaultInitialBackoff)
	setDefault(&c.MaxBackoff, max(DefaultMaxBackoff, c.InitialBackoff))
	setDefault(&c.QueueSpans, DefaultQueueSpans)
	setDefault(&c.QueueBytes, DefaultQueueBytes)
	setDefault(&c.RequestBytes, DefaultRequestBytes)
	setDefault(&c.Senders, DefaultSenders)
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports all faults at once, without values that may be secret.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	switch c.Protocol {
	case ProtocolGRPC, ProtocolHTTPProtobuf, ProtocolHTTPJSON:
	default:
		faults = append(faults, fmt.Errorf("protocol %q: want grpc, http/protobuf or http/json", c.Protocol))
	}
	if c.Compression != CompressionNone && c.Compression != CompressionGzip {
		faults = append(faults, fmt.Errorf("compression %q: want none or gzip", c.Compression))
	}
	d, err := c.destination()
	if err != nil {
		faults = append(faults, err)
	} else if d.plaintext && c.wantsTLS() {
		faults = append(faults, fmt.Errorf("endpoint %s is plaintext, but certificates are set: use https://", d))
	}
	if (c.ClientCertificateFile == "") != (c.ClientKeyFile == "") {
		faults = append(faults, errors.New("client certificate and client key: one is set without the other"))
	}
	for name, ok := range map[string]bool{
		"timeout": c.Timeout > 0, "maximum elapsed time": c.MaxElapsed > 0,
		"initial backoff": c.InitialBackoff > 0, "maximum backoff": c.MaxBackoff >= c.InitialBackoff,
		"queue spans": c.QueueSpans > 0, "queue bytes": c.QueueBytes > 0,
		"request bytes": c.RequestBytes > 0, "senders": c.Senders > 0,
	} {
		if !ok {
			faults = append(faults, fmt.Errorf("%s: out of range", name))
		}
	}
	faults = append(faults, c.checkHeaders()...)
	slices.SortStableFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

func (c Config) wantsTLS() bool {
	return c.CertificateFile != "" || c.ClientCertificateFile != "" || c.ClientKeyFile != ""
}

// checkHeaders never shows a value: it may be a credential.
func (c Config) checkHeaders() (faults []error) {
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		switch value := c.Headers[name]; {
		case !httpguts.ValidHeaderFieldName(name):
			faults = append(faults, fmt.Errorf("header name %q: not a token", name))
		case strings.HasPrefix(strings.ToLower(name), "grpc-"):
			faults = append(faults, fmt.Errorf("header name %q: reserved by gRPC", name))
		case !httpguts.ValidHeaderFieldValue(value):
			faults = append(faults, fmt.Errorf("header %s: its value has control characters", name))
		case c.Protocol == ProtocolGRPC && !printableASCII(value):
			faults = append(faults, fmt.Errorf("header %s: gRPC allows printable ASCII only", name))
		}
	}
	return faults
}

func printableASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// destination is an endpoint taken apart.
type destination struct {
	url       *url.URL // nil for a target in gRPC's own syntax
	target    string   // for gRPC
	plaintext bool
}

// String shows the endpoint without a password.
func (d destination) String() string {
	if d.url == nil {
		return d.target
	}
	return d.url.Redacted()
}

func (c Config) destination() (destination, error) {
	u, err := url.Parse(c.Endpoint)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		return webDestination(u)
	}
	if c.Protocol != ProtocolGRPC {
		return destination{}, fmt.Errorf("endpoint %q: want http://host:port/path or https://host:port/path", redactEndpoint(c.Endpoint))
	}
	if !plausibleTarget(c.Endpoint) {
		return destination{}, fmt.Errorf("endpoint %q: want http://host:port, https://host:port or host:port", redactEndpoint(c.Endpoint))
	}
	return destination{target: c.Endpoint, plaintext: c.Insecure}, nil
}

// plausibleTarget refuses what gRPC would only fail to resolve, time and again.
func plausibleTarget(target string) bool {
	if scheme, _, ok := strings.Cut(target, "://"); ok && scheme != "dns" && scheme != "unix" && scheme != "passthrough" {
		return false
	}
	return !strings.ContainsAny(target, "@ \t\r\n") && !strings.HasPrefix(target, ":")
}

func webDestination(u *url.URL) (destination, error) {
	if u.Hostname() == "" {
		return destination{}, fmt.Errorf("endpoint %q: no host", u.Redacted())
	}
	d := destination{url: u, plaintext: u.Scheme == "http"}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "80", false: "443"}[d.plaintext]
	}
	d.target = "dns:///" + net.JoinHostPort(u.Hostname(), port)
	return d, nil
}

// redactEndpoint leaves out what may be a password in a malformed URL.
func redactEndpoint(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return "…" + s[at:]
	}
	return s
}
