// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/backends"
	"github.com/spanbridge/spanbridge/integration/program"
)

// demoPatience is what a person who tries spanbridge has.
const demoPatience = time.Minute

// runDemo runs "spanbridge demo" and returns its standard output.
func runDemo(t *testing.T, env []string, args ...string) string {
	t.Helper()
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), demoPatience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, append([]string{"demo"}, args...)...)
	cmd.Env = append(append(os.Environ(), "COLUMNS=120"), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("demo: %v\n%s\n%s", err, &stdout, &stderr)
	}
	if !strings.Contains(stderr.String(), "the ledger closes") {
		t.Errorf("the demo's ledger does not close\n%s", &stderr)
	}
	return stdout.String()
}

// row matches a span's line in a drawing: tree, name, service and the rest.
var row = regexp.MustCompile(`(?m)^ *\S+(?: [µm]?s)? .* [µm]?s  ([│├└─ ]*)(\S+(?: \S+)?)  +(shop|mariadb)\b(.*)$`)

// drawnSpan is a span as it is drawn.
type drawnSpan struct {
	depth                int
	name, service, extra string
	parent               *drawnSpan
}

func readDrawing(drawing string) []*drawnSpan {
	var all, path []*drawnSpan
	for _, m := range row.FindAllStringSubmatch(drawing, -1) {
		s := &drawnSpan{depth: len([]rune(m[1])) / 3, name: m[2], service: m[3], extra: m[4]}
		if s.depth > 0 && s.depth <= len(path) {
			s.parent = path[s.depth-1]
		}
		path = append(path[:min(s.depth, len(path))], s)
		all = append(all, s)
	}
	return all
}

// wantDemo checks that the drawing has every span of the server below the one
// of the application that ran the statement.
func wantDemo(t *testing.T, out string) []*drawnSpan {
	t.Helper()
	var names []string
	spans := readDrawing(out)
	for _, s := range spans {
		if s.service != "mariadb" {
			continue
		}
		if s.parent != nil && s.parent.service == "mariadb" {
			continue // a phase of a statement
		}
		names = append(names, s.name)
		if s.parent == nil || s.parent.service != "shop" || !strings.HasPrefix(s.parent.name, "sql.conn.") {
			t.Errorf("%s is not drawn below a span of the application", s.name)
		}
	}
	want := "SELECT products, UPDATE products, INSERT orders, DO, SELECT orders"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("the server's spans are %s, want %s", got, want)
	}
	for _, text := range []string{"SELECT name FROM products WHERE id = ?", "POST /checkout", "GET /report"} {
		if !strings.Contains(out, text) {
			t.Errorf("%q is not drawn", text)
		}
	}
	if strings.Contains(out, "ada@") {
		t.Error("a literal is drawn")
	}
	if t.Failed() {
		t.Logf("drawn:\n%s", out)
	}
	return spans
}

func TestDemoEndsWithTheTraceDrawn(t *testing.T) {
	t.Parallel()
	for what, args := range map[string][]string{
		"of a stock server":           nil,
		"of a server with the plugin": {"--plugin", "../build/spanbridge_usdt.so"},
	} {
		t.Run(what, func(t *testing.T) {
			if out := runDemo(t, nil, args...); !strings.Contains(out, "error 1054") {
				t.Errorf("the failed statement is not drawn as one\n%s", out)
			} else {
				wantDemo(t, out)
			}
		})
	}
}

func TestDemoExportsToABackend(t *testing.T) {
	t.Parallel()
	jaeger := startJaeger(t)
	for protocol, endpoint := range map[string]string{
		"http/protobuf": jaeger.OTLPHTTP, "grpc": "http://" + jaeger.OTLPGRPC,
	} {
		out := runDemo(t, exporting(protocol, endpoint), "--export")
		wantDemo(t, out)
		ids := regexp.MustCompile(`trace ([0-9a-f]{32})`).FindAllStringSubmatch(out, -1)
		if len(ids) != 2 {
			t.Fatalf("drawn are %d traces, want 2\n%s", len(ids), out)
		}
		ctx, cancel := context.WithTimeout(t.Context(), backendPatience)
		defer cancel()
		for i, texts := range [][]string{checkoutTexts, reportTexts} {
			apps := []int{checkoutAppSpans, reportAppSpans}[i]
			var spans []backends.Span
			spans, err := jaeger.WaitTrace(ctx, ids[i][1], apps+len(texts))
			if err != nil {
				t.Errorf("by %s, trace %s: %v, have %v", protocol, ids[i][1], err, sorted(spans))
				continue
			}
			wantShopTrace(t, tierNamed(t, "uprobe"), spans, apps, texts)
		}
	}
}
