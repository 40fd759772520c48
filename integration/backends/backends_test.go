// SPDX-License-Identifier: Apache-2.0

//go:build integration

package backends_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/backends"
)

const config = "../../collector-config.yaml"

// send posts the span of line, which is now a second old, as OTLP/HTTP JSON.
func send(t *testing.T, endpoint string) backends.Span {
	t.Helper()
	start := time.Now().Add(-time.Second).UnixNano()
	body := strings.NewReplacer("1700000000000000001", fmt.Sprint(start),
		"1700000000000000500", fmt.Sprint(start+499),
		`"traceId":"aa","spanId":"bb"`, `"traceId":"1af7651916cd43dd8448eb211c80319c","spanId":"c7ad6b7169203331"`,
	).Replace(line)
	resp, err := http.Post(endpoint+"/v1/traces", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("OTLP/HTTP gave %s", resp.Status)
	}
	spans, err := backends.ParseSpans([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return spans[0]
}

func TestJaegerGivesBackWhatItReceived(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	j, err := backends.StartJaeger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Stop(); err != nil {
			t.Error(err)
		}
	})
	want := send(t, j.OTLPHTTP)
	got, err := j.WaitTrace(ctx, want.TraceID, 1)
	if err != nil {
		t.Fatalf("%v\n%s", err, j.Log())
	}
	if diff := cmp.Diff([]backends.Span{want}, got); diff != "" {
		t.Errorf("spans differ (-want +got):\n%s", diff)
	}
	services, err := j.Services(ctx)
	if err != nil || !cmp.Equal(services, []string{"shop"}) {
		t.Errorf("services = %v, %v, want shop", services, err)
	}
	if none, err := j.Trace(ctx, "ffffffffffffffffffffffffffffffff"); err != nil || len(none) != 0 {
		t.Errorf("unknown trace = %v, %v, want none", none, err)
	}
}

func TestCollectorRunsTheConfigurationAsItStands(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := backends.StartCollector(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	want := send(t, c.OTLPHTTP)
	got, err := c.WaitSpans(ctx, 1, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Log())
	}
	if diff := cmp.Diff([]backends.Span{want}, got); diff != "" {
		t.Errorf("spans differ (-want +got):\n%s", diff)
	}
}

// The commented backends of the configuration are what users uncomment, so they
// must be valid too.
func TestCollectorConfigurationIsValidWithEveryBackendUncommented(t *testing.T) {
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^  # ((otlp_\w+/\w+:|  ).*)$`).ReplaceAllString(string(b), "  $1")
	text = regexp.MustCompile(`file\] # (.*)`).ReplaceAllString(text, "file, $1]")
	for _, name := range []string{"otlp_grpc/jaeger", "otlp_grpc/tempo", "otlp_http/prometheus"} {
		if !strings.Contains(text, "\n  "+name+":") || !regexp.MustCompile(`exporters: .*`+name).MatchString(text) {
			t.Errorf("%s is not in the configuration and its pipelines once uncommented:\n%s", name, text)
		}
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := backends.ValidateConfig(t.Context(), path); err != nil {
		t.Error(err)
	}
}
