// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// envPrefix begins the variables of
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/. Those of
// envTraces come first.
const (
	envPrefix = "OTEL_EXPORTER_OTLP_"
	envTraces = envPrefix + "TRACES_"

	tracesPath = "v1/traces" // appended to the general endpoint
)

// FromEnv makes a configuration of the standard variables, most with the
// prefix OTEL_EXPORTER_OTLP_TRACES_ or else OTEL_EXPORTER_OTLP_:
//
//	ENDPOINT            URL; the general one is a base to which v1/traces is appended for HTTP
//	PROTOCOL            grpc, http/protobuf (default) or http/json
//	HEADERS             name=value,… with percent-encoded values
//	COMPRESSION         none (default) or gzip
//	TIMEOUT             of one attempt, milliseconds
//	INSECURE            true: plaintext for a gRPC endpoint without a scheme
//	CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY   PEM files
//
// and, of the batch span processor's, OTEL_BSP_MAX_QUEUE_SIZE (QueueSpans) and
// OTEL_BSP_EXPORT_TIMEOUT in milliseconds (MaxElapsed).
//
// lookup is [os.LookupEnv]. A variable that is empty counts as unset. The error
// joins the faults of all variables, each with its name; with an error the
// configuration must not be used, since what is missing could be what keeps
// the connection safe.
func FromEnv(lookup func(string) (string, bool)) (Config, error) {
	e := &environment{lookup: lookup}
	var c Config
	c.Protocol = e.protocol()
	c.Compression = e.compression()
	e.endpoint(&c)
	c.Insecure = e.bool("INSECURE")
	c.Headers = e.headers()
	c.Timeout = e.milliseconds(e.signal("TIMEOUT"))
	_, c.CertificateFile = e.signal("CERTIFICATE").get()
	_, c.ClientCertificateFile = e.signal("CLIENT_CERTIFICATE").get()
	_, c.ClientKeyFile = e.signal("CLIENT_KEY").get()
	c.QueueSpans = e.count(e.plain("OTEL_BSP_MAX_QUEUE_SIZE"))
	c.MaxElapsed = e.milliseconds(e.plain("OTEL_BSP_EXPORT_TIMEOUT"))
	if len(e.faults) == 0 {
		if err := c.Validate(); err != nil {
			e.faults = append(e.faults, fmt.Errorf("%s*: %w", envPrefix, err))
		}
	}
	return c, errors.Join(e.faults...)
}

type environment struct {
	lookup func(string) (string, bool)
	faults []error
}

// setting is a variable that is set, or nothing.
type setting struct{ name, value string }

func (s setting) get() (name, value string) { return s.name, s.value }

func (e *environment) plain(name string) setting {
	if value, ok := e.lookup(name); ok {
		if value = strings.TrimSpace(value); value != "" {
			return setting{name, value}
		}
	}
	return setting{}
}

// signal prefers the variable for traces.
func (e *environment) signal(name string) setting {
	if s := e.plain(envTraces + name); s.name != "" {
		return s
	}
	return e.plain(envPrefix + name)
}

func (e *environment) fault(name, format string, args ...any) {
	e.faults = append(e.faults, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
}

func (e *environment) protocol() Protocol {
	name, value := e.signal("PROTOCOL").get()
	switch p := Protocol(value); p {
	case "", ProtocolGRPC, ProtocolHTTPProtobuf, ProtocolHTTPJSON:
		return p
	}
	e.fault(name, "%q: want grpc, http/protobuf or http/json", value)
	return ""
}

func (e *environment) compression() Compression {
	name, value := e.signal("COMPRESSION").get()
	switch c := Compression(value); c {
	case "", CompressionNone, CompressionGzip:
		return c
	}
	e.fault(name, "%q: want none or gzip", value)
	return ""
}

// endpoint takes the traces' one as it is and makes one of the general base.
func (e *environment) endpoint(c *Config) {
	s := e.signal("ENDPOINT")
	if s.name == "" {
		return
	}
	c.Endpoint = s.value
	d, err := c.withDefaults().destination()
	if err != nil {
		e.fault(s.name, "%v", err)
		return
	}
	if s.name == envPrefix+"ENDPOINT" && c.Protocol != ProtocolGRPC {
		c.Endpoint = joinTracesPath(d.url)
	}
}

func joinTracesPath(base *url.URL) string {
	u := *base
	u.RawPath = ""
	u.Path = strings.TrimRight(u.Path, "/") + "/" + tracesPath
	return u.String()
}

// bool is strict where the specification would warn: whoever writes
// INSECURE=yes expects something to happen.
func (e *environment) bool(name string) bool {
	name, value := e.signal(name).get()
	switch strings.ToLower(value) {
	case "true":
		return true
	case "", "false":
		return false
	}
	e.fault(name, "%q: want true or false", value)
	return false
}

func (e *environment) count(s setting) int {
	if s.name == "" {
		return 0
	}
	n, err := strconv.Atoi(s.value)
	if err != nil || n <= 0 {
		e.fault(s.name, "%q: want a positive whole number", s.value)
		return 0
	}
	return n
}

func (e *environment) milliseconds(s setting) time.Duration {
	n := e.count(s)
	if limit := int(time.Duration(1<<63-1) / time.Millisecond); n > limit {
		e.fault(s.name, "%q: too long", s.value)
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

// headers reads "k1=v1,k2=v2" with percent-encoded values, the form of W3C
// Baggage without its properties. Faults name a position, never a value.
func (e *environment) headers() Headers {
	name, value := e.signal("HEADERS").get()
	if name == "" {
		return nil
	}
	headers := make(Headers)
	for i, pair := range strings.Split(value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, encoded, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			e.fault(name, "entry %d: want name=value", i+1)
			continue
		}
		decoded, err := url.PathUnescape(strings.TrimSpace(encoded))
		if err != nil {
			e.fault(name, "entry %d (%s): its value is badly percent-encoded", i+1, key)
			continue
		}
		headers[strings.ToLower(key)] = decoded
	}
	return headers
}
