// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/backends"
	"github.com/spanbridge/spanbridge/integration/program"
	"github.com/spanbridge/spanbridge/integration/servers"
)

const (
	checkouts = 5
	// The application's spans of a request and the server's: otelsql writes no
	// comment into START TRANSACTION and COMMIT.
	checkoutAppSpans, checkoutServerSpans = 7, 4
	reportAppSpans, reportServerSpans     = 2, 1
	shopSpans                             = checkouts*(checkoutAppSpans+checkoutServerSpans) +
		reportAppSpans + reportServerSpans
)

// What the server's spans tell of the statements of package shop, in order.
var (
	checkoutTexts = []string{
		"SELECT name FROM products WHERE id = ?",
		"UPDATE products SET stock = stock - ? WHERE id = ?",
		"INSERT INTO orders (product, customer) VALUES (?, ?)",
		"DO SLEEP(?)",
	}
	reportTexts = []string{"SELECT total FROM orders"}
)

// shopping is what the example application has printed.
type shopping struct {
	checkouts []string // trace ids
	report    string   // the trace id of the request that fails
}

// goappBinary is built once, beside the bridge.
var goappBinary = sync.OnceValues(func() (string, error) {
	bridge, err := program.Path()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(bridge), "goapp")
	if out, err := exec.Command("go", "build", "-o", path, "../examples/goapp").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build goapp: %w\n%s", err, out)
	}
	return path, nil
})

// goShopping runs examples/goapp to its end. It exports as the environment says.
func goShopping(t *testing.T, server *servers.Server, env []string) shopping {
	t.Helper()
	app, err := goappBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), app, "-dsn", server.DSN, "-requests", strconv.Itoa(checkouts))
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("goapp: %v\n%s", err, out)
	}
	var s shopping
	for _, line := range regexp.MustCompile(`(?m)^trace ([0-9a-f]{32}) .* (\S+ \S+)$`).FindAllStringSubmatch(string(out), -1) {
		switch line[2] {
		case "POST /checkout":
			s.checkouts = append(s.checkouts, line[1])
		case "GET /report":
			s.report = line[1]
		}
	}
	if len(s.checkouts) != checkouts || s.report == "" {
		t.Fatalf("goapp did not print the traces of %d checkouts and a report:\n%s", checkouts, out)
	}
	return s
}

// wantShopTrace checks one trace as a backend gives it back: every span of the
// server is below the application's span that ran the statement.
func wantShopTrace(t *testing.T, tier tier, spans []backends.Span, apps int, texts []string) {
	t.Helper()
	byID := make(map[string]backends.Span)
	var ofServer []backends.Span
	for _, s := range spans {
		switch byID[s.SpanID] = s; s.Resource["service.name"] {
		case "mariadb", "mysql":
			if !isPhase(s) {
				ofServer = append(ofServer, s)
			}
		case "shop":
			apps--
		default:
			t.Errorf("span %q is of service %v", s.Name, s.Resource["service.name"])
		}
	}
	if apps != 0 {
		t.Errorf("the application has %d spans too few in %d", apps, len(spans))
	}
	slices.SortFunc(ofServer, func(a, b backends.Span) int { return a.Start.Compare(b.Start) })
	var got []string
	parents := make(map[string]bool)
	for _, s := range ofServer {
		text, _ := s.Attributes["db.query.text"].(string)
		got = append(got, text)
		parent := byID[s.ParentID]
		if parent.Resource["service.name"] != "shop" || !strings.HasPrefix(parent.Name, "sql.conn.") || parents[s.ParentID] {
			t.Errorf("the parent of %q is %q of service %v", text, parent.Name, parent.Resource["service.name"])
		}
		parents[s.ParentID] = true
		if s.Kind != kindServer || s.Attributes["spanbridge.tier"] != tier.name {
			t.Errorf("%q has kind %d and tier %v, want %d and %s", text, s.Kind,
				s.Attributes["spanbridge.tier"], kindServer, tier.name)
		}
		// The two clocks are compared, so leave room for their adjustment.
		if early := parent.Start.Sub(s.Start); early > time.Millisecond {
			t.Errorf("the server began %q %v before the application", text, early)
		}
		wantFailure(t, tier, s)
	}
	if diff := gocmp.Diff(texts, got); diff != "" {
		t.Errorf("texts differ (-want +got):\n%s", diff)
	}
}

// isPhase reports whether a span is a part of a statement.
func isPhase(s backends.Span) bool {
	return s.Resource["service.name"] != "shop" && s.Kind == kindInternal
}

// wantFailure checks that the report's statement, and no other, is told to have
// failed, as far as the tier can tell.
func wantFailure(t *testing.T, tier tier, s backends.Span) {
	t.Helper()
	var number any // ER_BAD_FIELD_ERROR
	status := 0
	if s.Attributes["db.query.text"] == reportTexts[0] && tier.failure {
		status = statusError
		if tier.number {
			number = "1054"
		}
	}
	if s.Status != status || s.Attributes["db.response.status_code"] != number {
		t.Errorf("%q has status %d and code %v, want %d and %v", s.Attributes["db.query.text"],
			s.Status, s.Attributes["db.response.status_code"], status, number)
	}
}

// wantNoLiterals checks that nothing of what the application put into its
// statements is in the server's spans.
func wantNoLiterals(t *testing.T, spans []backends.Span) {
	t.Helper()
	for _, s := range spans {
		if s.Resource["service.name"] == "shop" {
			continue
		}
		for key, value := range s.Attributes {
			if text, ok := value.(string); ok && (strings.Contains(text, "customer") && strings.Contains(text, "@") ||
				strings.Contains(text, "traceparent")) {
				t.Errorf("%s = %q", key, text)
			}
		}
	}
}

// sorted orders spans by trace and start, for messages that can be read.
func sorted(spans []backends.Span) []backends.Span {
	return slices.SortedFunc(slices.Values(spans), func(a, b backends.Span) int {
		return cmp.Or(strings.Compare(a.TraceID, b.TraceID), a.Start.Compare(b.Start))
	})
}
