// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scrape gets metrics as Prometheus does when it stores exemplars.
func scrape(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	kind := resp.Header.Get("Content-Type")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "application/openmetrics-text") {
		t.Fatalf("scrape gave %s, %s\n%s", resp.Status, kind, body)
	}
	return string(body)
}

// metricsURL is where the bridge says that it serves metrics.
func (b *runningBridge) metricsURL() string {
	b.t.Helper()
	said := regexp.MustCompile(`metrics at (http://\S+)`)
	// What the bridge prints reaches the buffer a moment after it is ready.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if match := said.FindStringSubmatch(b.stderr.String()); match != nil {
			return match[1]
		}
	}
	b.t.Fatalf("spanbridge does not say where its metrics are\n%s", b.stderr)
	return ""
}

var (
	durationCount    = regexp.MustCompile(`(?m)^db_server_operation_duration_seconds_count\{[^}]*\} (\S+)$`)
	durationExemplar = regexp.MustCompile(`(?m)^db_server_operation_duration_seconds_bucket\{[^}]*\} \S+ # \{([^}]*)\} (\S+)`)
	exemplarLabels   = regexp.MustCompile(`(span_id|trace_id)="([0-9a-f]+)"`)
)

// scraped is one exposition of db.server.operation.duration.
type scraped struct {
	count     int
	exemplars map[string]float64 // "trace span" to seconds
}

func parseScrape(t *testing.T, text string) scraped {
	t.Helper()
	s := scraped{exemplars: make(map[string]float64)}
	for _, m := range durationCount.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		s.count += int(n)
	}
	for _, m := range durationExemplar.FindAllStringSubmatch(text, -1) {
		ids := make(map[string]string)
		for _, label := range exemplarLabels.FindAllStringSubmatch(m[1], -1) {
			ids[label[1]] = label[2]
		}
		seconds, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		s.exemplars[ids["trace_id"]+" "+ids["span_id"]] = seconds
	}
	return s
}

func TestPrometheusScrapesHistogramsWithExemplarsThatPointToSpans(t *testing.T) {
	t.Parallel()
	server := startServer(t, tierNamed(t, "plugin"))
	client := connect(t, server, "")
	bridge := startBridge(t, "--target", strconv.Itoa(server.PID), "--export", "prometheus:127.0.0.1:0")
	url := bridge.metricsURL()

	const statements = 300
	seen := make(map[string]float64)
	last := 0
	take := func() {
		s := parseScrape(t, scrape(t, url))
		if s.count < last {
			t.Errorf("the count went back from %d to %d", last, s.count)
		}
		last = s.count
		for id, seconds := range s.exemplars {
			seen[id] = seconds
		}
	}
	for i := range statements {
		client.must(fmt.Sprintf("SELECT %d, SLEEP(%g)", i, float64(i%4)/1000))
		if i%60 == 0 {
			take() // under load
		}
	}
	client.settle()
	// An exemplar comes with the record of its statement, a tenth of a second
	// behind the count.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && (last < statements || len(seen) == 0); {
		time.Sleep(50 * time.Millisecond)
		take()
	}
	if last != statements {
		t.Errorf("the histogram counts %d statements, want %d", last, statements)
	}
	r := bridge.stop()
	r.mustClose(t)
	wantExemplarsOfSpans(t, seen, r)
}

// wantExemplarsOfSpans checks that every exemplar is a span that was written,
// with that span's duration.
func wantExemplarsOfSpans(t *testing.T, exemplars map[string]float64, r *result) {
	t.Helper()
	if len(exemplars) == 0 {
		t.Error("there are no exemplars")
	}
	spans := make(map[string]otlpSpan)
	for _, s := range r.spans {
		spans[s.TraceID+" "+s.SpanID] = s
	}
	for id, seconds := range exemplars {
		s, ok := spans[id]
		if !ok {
			t.Errorf("exemplar %s is no span", id)
		} else if off := seconds - s.duration().Seconds(); off < -1e-6 || off > 1e-6 {
			t.Errorf("exemplar of %g s points to a span of %v", seconds, s.duration())
		}
	}
}
