// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func fromMap(env map[string]string) (Config, error) {
	return FromEnv(func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	})
}

// Every variable that has a form for traces: how a value shows in the
// configuration, that the form for traces wins, and that empty is unset.
func TestEachVariable(t *testing.T) {
	type field = func(*Config)
	tests := map[string]struct {
		general, traces         string
		wantGeneral, wantTraces field
		with                    map[string]string // further variables
	}{
		"ENDPOINT": {
			general: "http://a:1", wantGeneral: func(c *Config) { c.Endpoint = "http://a:1/v1/traces" },
			traces: "http://b:2", wantTraces: func(c *Config) { c.Endpoint = "http://b:2" },
		},
		"PROTOCOL": {
			general: "grpc", wantGeneral: func(c *Config) { c.Protocol = ProtocolGRPC },
			traces: "http/json", wantTraces: func(c *Config) { c.Protocol = ProtocolHTTPJSON },
		},
		"HEADERS": {
			general: "a=1", wantGeneral: func(c *Config) { c.Headers = map[string]string{"a": "1"} },
			traces: "B=2", wantTraces: func(c *Config) { c.Headers = map[string]string{"b": "2"} },
		},
		"COMPRESSION": {
			general: "gzip", wantGeneral: func(c *Config) { c.Compression = CompressionGzip },
			traces: "none", wantTraces: func(c *Config) { c.Compression = CompressionNone },
		},
		"TIMEOUT": {
			general: "1500", wantGeneral: func(c *Config) { c.Timeout = 1500 * time.Millisecond },
			traces: "20000", wantTraces: func(c *Config) { c.Timeout = 20 * time.Second },
		},
		"INSECURE": {
			general: "TRUE", wantGeneral: func(c *Config) { c.Insecure = true },
			traces: "false", wantTraces: func(*Config) {},
		},
		"CERTIFICATE": {
			general: "/ca", wantGeneral: func(c *Config) { c.CertificateFile, c.Endpoint = "/ca", "https://h" },
			traces: "/tca", wantTraces: func(c *Config) { c.CertificateFile, c.Endpoint = "/tca", "https://h" },
			with: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://h"},
		},
		"CLIENT_CERTIFICATE": {
			general: "/c", wantGeneral: func(c *Config) { c.ClientCertificateFile, c.ClientKeyFile, c.Endpoint = "/c", "/k", "https://h" },
			traces: "/tc", wantTraces: func(c *Config) { c.ClientCertificateFile, c.ClientKeyFile, c.Endpoint = "/tc", "/k", "https://h" },
			with: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://h", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/k"},
		},
		"CLIENT_KEY": {
			general: "/k", wantGeneral: func(c *Config) { c.ClientCertificateFile, c.ClientKeyFile, c.Endpoint = "/c", "/k", "https://h" },
			traces: "/tk", wantTraces: func(c *Config) { c.ClientCertificateFile, c.ClientKeyFile, c.Endpoint = "/c", "/tk", "https://h" },
			with: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://h", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/c"},
		},
	}
	for name, test := range tests {
		expect := func(title string, want field, set map[string]string) {
			t.Run(name+" "+title, func(t *testing.T) {
				for k, v := range test.with {
					set[k] = v
				}
				got, err := fromMap(set)
				if err != nil {
					t.Fatal(err)
				}
				var wanted Config
				want(&wanted)
				if diff := cmp.Diff(wanted, got, cmpopts.IgnoreFields(Config{}, "Logf")); diff != "" {
					t.Errorf("want -, got +:\n%s", diff)
				}
			})
		}
		general, traces := "OTEL_EXPORTER_OTLP_"+name, "OTEL_EXPORTER_OTLP_TRACES_"+name
		expect("for all signals", test.wantGeneral, map[string]string{general: test.general})
		expect("for traces", test.wantTraces, map[string]string{traces: " " + test.traces + " "})
		expect("for traces beats the one for all", test.wantTraces, map[string]string{general: test.general, traces: test.traces})
		expect("for traces when empty is unset", test.wantGeneral, map[string]string{general: test.general, traces: " "})
	}
}

func TestBatchProcessorVariables(t *testing.T) {
	got, err := fromMap(map[string]string{"OTEL_BSP_MAX_QUEUE_SIZE": "5000", "OTEL_BSP_EXPORT_TIMEOUT": "90000"})
	if err != nil {
		t.Fatal(err)
	}
	if got.QueueSpans != 5000 || got.MaxElapsed != 90*time.Second {
		t.Errorf("got %d spans, %v", got.QueueSpans, got.MaxElapsed)
	}
}

func TestNothingSetGivesTheDefaultsOfTheSpecification(t *testing.T) {
	c, err := fromMap(nil)
	if err != nil {
		t.Fatal(err)
	}
	c = c.withDefaults()
	if c.Protocol != "http/protobuf" || c.Endpoint != "http://localhost:4318/v1/traces" ||
		c.Timeout != 10*time.Second || c.Compression != "none" || c.Insecure {
		t.Errorf("got %+v", c)
	}
	c, err = fromMap(map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
	if err != nil {
		t.Fatal(err)
	}
	if c = c.withDefaults(); c.Endpoint != "http://localhost:4317" {
		t.Errorf("gRPC endpoint %q", c.Endpoint)
	}
}

func TestEndpoints(t *testing.T) {
	const general, traces = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	tests := []struct {
		name, variable, value string
		protocol              Protocol
		insecure              bool
		endpoint, target      string
		plaintext             bool
	}{
		{name: "a base gets the path", variable: general, value: "https://otel.example:4318", endpoint: "https://otel.example:4318/v1/traces"},
		{name: "a base with a slash", variable: general, value: "http://h:4318/", endpoint: "http://h:4318/v1/traces", plaintext: true},
		{name: "a base with a path", variable: general, value: "https://h/otlp/", endpoint: "https://h/otlp/v1/traces"},
		{name: "a base with a query", variable: general, value: "https://h/x?token=1", endpoint: "https://h/x/v1/traces?token=1"},
		{name: "the traces' one is taken as it is", variable: traces, value: "https://h/custom", endpoint: "https://h/custom"},
		{name: "upper case scheme", variable: traces, value: "HTTPS://h/", endpoint: "HTTPS://h/"},
		{name: "gRPC with http is plaintext", variable: general, value: "http://h:4317", protocol: ProtocolGRPC, endpoint: "http://h:4317", target: "dns:///h:4317", plaintext: true},
		{name: "gRPC with https beats insecure", variable: general, value: "https://h:4317", protocol: ProtocolGRPC, insecure: true, endpoint: "https://h:4317", target: "dns:///h:4317"},
		{name: "gRPC with https has port 443", variable: general, value: "https://h", protocol: ProtocolGRPC, endpoint: "https://h", target: "dns:///h:443"},
		{name: "gRPC ignores a path", variable: traces, value: "http://[::1]:4317/v1/traces", protocol: ProtocolGRPC, endpoint: "http://[::1]:4317/v1/traces", target: "dns:///[::1]:4317", plaintext: true},
		{name: "gRPC without a scheme is secure", variable: general, value: "h:4317", protocol: ProtocolGRPC, endpoint: "h:4317", target: "h:4317"},
		{name: "gRPC without a scheme, insecure", variable: general, value: "h:4317", protocol: ProtocolGRPC, insecure: true, endpoint: "h:4317", target: "h:4317", plaintext: true},
		{name: "gRPC over a socket", variable: general, value: "unix:///run/otel.sock", protocol: ProtocolGRPC, insecure: true, endpoint: "unix:///run/otel.sock", target: "unix:///run/otel.sock", plaintext: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := fromMap(map[string]string{
				test.variable: test.value, "OTEL_EXPORTER_OTLP_PROTOCOL": string(test.protocol),
				"OTEL_EXPORTER_OTLP_INSECURE": fmt.Sprint(test.insecure),
			})
			if err != nil {
				t.Fatal(err)
			}
			d, err := c.withDefaults().destination()
			if err != nil {
				t.Fatal(err)
			}
			if c.Endpoint != test.endpoint || d.plaintext != test.plaintext {
				t.Errorf("endpoint %q, plaintext %v", c.Endpoint, d.plaintext)
			}
			if test.target != "" && d.target != test.target {
				t.Errorf("target %q, want %q", d.target, test.target)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	c, err := fromMap(map[string]string{
		"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc%3D%3D, x-plain = a=b+c ,,x-empty=,x-comma=1%2C2",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Headers{"authorization": "Bearer abc==", "x-plain": "a=b+c", "x-empty": "", "x-comma": "1,2"}
	if diff := cmp.Diff(want, c.Headers); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestPrintingAConfigurationShowsNoHeaderValue(t *testing.T) {
	c := Config{Headers: Headers{"b": "hunter2", "a": "hunter2"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, "hunter2") || !strings.Contains(text, "a=…,b=…") {
			t.Errorf("%s: %s", verb, text)
		}
	}
}

func TestAllFaultsAreReportedAtOnceAndNoSecret(t *testing.T) {
	_, err := fromMap(map[string]string{
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "thrift",
		"OTEL_EXPORTER_OTLP_COMPRESSION":     "zstd",
		"OTEL_EXPORTER_OTLP_ENDPOINT":        "user:hunter2@collector:4318",
		"OTEL_EXPORTER_OTLP_TIMEOUT":         "10s",
		"OTEL_EXPORTER_OTLP_INSECURE":        "yes",
		"OTEL_EXPORTER_OTLP_HEADERS":         "hunter2,api-key=%hunter2,=hunter2",
		"OTEL_BSP_MAX_QUEUE_SIZE":            "-1",
		"OTEL_BSP_EXPORT_TIMEOUT":            "9223372036854775807",
	})
	if err == nil {
		t.Fatal("no fault found")
	}
	want := []string{
		`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "thrift": want grpc, http/protobuf or http/json`,
		`OTEL_EXPORTER_OTLP_COMPRESSION: "zstd": want none or gzip`,
		`OTEL_EXPORTER_OTLP_ENDPOINT: endpoint "…@collector:4318": want http://host:port/path or https://host:port/path`,
		`OTEL_EXPORTER_OTLP_INSECURE: "yes": want true or false`,
		`OTEL_EXPORTER_OTLP_HEADERS: entry 1: want name=value`,
		`OTEL_EXPORTER_OTLP_HEADERS: entry 2 (api-key): its value is badly percent-encoded`,
		`OTEL_EXPORTER_OTLP_HEADERS: entry 3: want name=value`,
		`OTEL_EXPORTER_OTLP_TIMEOUT: "10s": want a positive whole number`,
		`OTEL_BSP_MAX_QUEUE_SIZE: "-1": want a positive whole number`,
		`OTEL_BSP_EXPORT_TIMEOUT: "9223372036854775807": too long`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	tests := map[string]struct {
		config Config
		want   []string
	}{
		"the default has none":   {Config{}, nil},
		"gRPC's default neither": {Config{Protocol: ProtocolGRPC}, nil},
		"all at once": {
			Config{
				Protocol: "udp", Compression: "lz4", Endpoint: "ftp://h", ClientKeyFile: "k",
				Timeout: -1, MaxElapsed: -1, InitialBackoff: -1, QueueSpans: -1, QueueBytes: -1, RequestBytes: -1, Senders: -1,
				Headers: map[string]string{"a b": "secret", "grpc-timeout": "secret", "x": "sec\nret"},
			},
			[]string{
				`client certificate and client key: one is set without the other`,
				`compression "lz4": want none or gzip`,
				`endpoint "ftp://h": want http://host:port/path or https://host:port/path`,
				`header name "a b": not a token`,
				`header name "grpc-timeout": reserved by gRPC`,
				`header x: its value has control characters`,
				`initial backoff: out of range`,
				`maximum elapsed time: out of range`,
				`protocol "udp": want grpc, http/protobuf or http/json`,
				`queue bytes: out of range`,
				`queue spans: out of range`,
				`request bytes: out of range`,
				`senders: out of range`,
				`timeout: out of range`,
			},
		},
		"certificates for a plaintext endpoint": {
			Config{Endpoint: "http://user:hunter2@h/", CertificateFile: "ca.pem"},
			[]string{`endpoint http://user:xxxxx@h/ is plaintext, but certificates are set: use https://`},
		},
		"no host":                    {Config{Endpoint: "https:///v1/traces"}, []string{`endpoint "https:///v1/traces": no host`}},
		"gRPC with a foreign scheme": {Config{Protocol: ProtocolGRPC, Endpoint: "ftp://h"}, []string{`endpoint "ftp://h": want http://host:port, https://host:port or host:port`}},
		"gRPC without a host":        {Config{Protocol: ProtocolGRPC, Endpoint: ":4317"}, []string{`endpoint ":4317": want http://host:port, https://host:port or host:port`}},
		"gRPC metadata beyond ASCII": {Config{Protocol: ProtocolGRPC, Headers: map[string]string{"x": "é"}}, []string{`header x: gRPC allows printable ASCII only`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			if err := test.config.Validate(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}
