// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// appSpan is an application's span, number n of a test.
func appSpan(n int) string { return fmt.Sprintf("00-%032x-%016x-01", 0xa0+n, 0xb0+n) }

// parentOf names the application's span that is a span's parent, "" if it has
// none, in the form of appSpan.
func parentOf(s otlpSpan) string {
	if s.Parent == "" {
		return ""
	}
	return "00-" + s.TraceID + "-" + s.Parent + "-01"
}

// wantParents checks whose child each statement of a connection is, by a part of
// its text. Every statement has to be asked for.
func (r *result) wantParents(t *testing.T, connection int64, want [][2]string) {
	t.Helper()
	got := r.ofConnections([]int64{connection})[connection]
	if len(got) != len(want) {
		t.Errorf("%d statements, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !strings.Contains(got[i].text(), want[i][0]) {
			t.Errorf("statement %d is %q, want %q", i, got[i].text(), want[i][0])
		}
		if parent := parentOf(got[i]); parent != want[i][1] {
			t.Errorf("the parent of %q is %q, want %q", got[i].text(), parent, want[i][1])
		}
	}
}

// wantRecords compares numbers of the ledger of records, zeros included.
func (r *result) wantRecords(t *testing.T, want map[string]uint64) {
	t.Helper()
	for name, n := range want {
		if got := r.ledger["records"][name]; got != n {
			t.Errorf("ledger: %s is %d, want %d: %v", name, got, n, r.ledger["records"])
		}
	}
}

func TestMySQLContexts(t *testing.T) {
	t.Parallel()
	server := startMySQL(t)
	for _, detail := range []string{"phases", "stages"} { // two tiers
		t.Run(detail, func(t *testing.T) {
			t.Run("a query attribute is the parent, before a comment", func(t *testing.T) { testAttributes(t, server, detail) })
			t.Run("an invalid query attribute gives a new trace", func(t *testing.T) { testBadAttributes(t, server, detail) })
			t.Run("the session's variable lasts until it is changed", func(t *testing.T) { testVariable(t, server, detail) })
		})
	}
	t.Run("the session's variable is known whatever is filtered", func(t *testing.T) { testFilteredVariable(t, server) })
}

func testAttributes(t *testing.T, server *servers.Server, detail string) {
	w := dialWire(t, server)
	comment := func(n int) string { return " /*traceparent='" + appSpan(n) + "'*/" }
	r := watch(t, server, func() {
		w.query("SELECT 1", attribute{"traceparent", appSpan(1)})
		w.query("SELECT 2"+comment(9), attribute{"tenant", "a"}, attribute{"traceparent", appSpan(2)})
		w.query("SELECT 3"+comment(3), attribute{"tenant", "a"})
		w.query("SELECT 4", attribute{"tenant", "a"})
		w.query("SELECT nothing", attribute{"traceparent", appSpan(5)})
		w.query("SELECT 6; SELECT 7", attribute{"traceparent", appSpan(6)})
		s := w.prepare("SELECT ? + 8")
		w.execute(s, []string{"1"}, attribute{"traceparent", appSpan(8)})
		w.execute(s, []string{"1"})
		commented := w.prepare("SELECT ? + 9" + comment(9))
		w.execute(commented, []string{"2"}, attribute{"traceparent", appSpan(10)}, attribute{"tenant", "a"})
		if err := w.reset(); err != nil {
			t.Error(err)
		}
	}, "--raw-text", "--detail", detail)
	r.wantParents(t, w.id, [][2]string{
		{"SELECT 1", appSpan(1)}, {"SELECT 2", appSpan(2)}, {"SELECT 3", appSpan(3)}, {"SELECT 4", ""},
		{"SELECT nothing", appSpan(5)}, {"SELECT 6", appSpan(6)}, {"SELECT 7", appSpan(6)},
		{"8", appSpan(8)}, {"8", ""}, {"9", appSpan(10)},
	})
	r.wantRecords(t, map[string]uint64{"adopted": 9, "stale": 0, "malformed_context": 0})
}

// testBadAttributes: what the deciding carrier says is not valid, so that there
// is no parent, not even by a comment.
func testBadAttributes(t *testing.T, server *servers.Server, detail string) {
	w := dialWire(t, server)
	good := appSpan(1)
	r := watch(t, server, func() {
		w.query("SELECT 1", attribute{"traceparent", strings.Replace(good, "00-", "ff-", 1)})
		w.query("SELECT 2 /*traceparent='"+good+"'*/", attribute{"traceparent", strings.Repeat("x", len(good))})
		w.query("SELECT 3", attribute{"traceparent", "00-" + strings.Repeat("0", 32) + good[35:]})
		w.query("SELECT 4", attribute{"Traceparent", good}, attribute{"traceparents", good})
		if err := w.reset(); err != nil {
			t.Error(err)
		}
	}, "--raw-text", "--detail", detail)
	r.wantParents(t, w.id, [][2]string{{"SELECT 1", ""}, {"SELECT 2", ""}, {"SELECT 3", ""}, {"SELECT 4", ""}})
	r.wantRecords(t, map[string]uint64{"adopted": 0, "malformed_context": 3})
}

func testVariable(t *testing.T, server *servers.Server, detail string) {
	w, other := dialWire(t, server), dialWire(t, server)
	set := func(value string) { w.query("SET @traceparent = " + value) }
	r := watch(t, server, func() {
		w.query("SELECT 1")
		set("'" + appSpan(1) + "'")
		w.query("SELECT 2")
		other.query("SELECT 3")
		s := w.prepare("SELECT ? + 4")
		w.execute(s, []string{"1"})
		w.query("SELECT 5", attribute{"traceparent", appSpan(5)})
		w.query("SELECT 6")
		set("NULL")
		w.query("SELECT 7")
		set("'" + appSpan(8) + "'")
		w.query("SELECT 8")
		for _, c := range []*wire{w, other} {
			if err := c.reset(); err != nil {
				t.Error(err)
			}
		}
		w.query("SELECT 9")
		if err := w.reset(); err != nil {
			t.Error(err)
		}
	}, "--raw-text", "--detail", detail)
	r.wantParents(t, w.id, [][2]string{
		{"SELECT 1", ""}, {"SET", appSpan(1)}, {"SELECT 2", appSpan(1)}, {"4", appSpan(1)},
		{"SELECT 5", appSpan(5)}, {"SELECT 6", appSpan(1)}, {"SET", ""}, {"SELECT 7", ""},
		{"SET", appSpan(8)}, {"SELECT 8", appSpan(8)}, {"SELECT 9", ""},
	})
	r.wantParents(t, other.id, [][2]string{{"SELECT 3", ""}})
}

// testFilteredVariable sets the variable with a statement that is too short to
// be sent for its own sake.
func testFilteredVariable(t *testing.T, server *servers.Server) {
	w := dialWire(t, server)
	r := watch(t, server, func() {
		w.query("SET @traceparent = '" + appSpan(1) + "'")
		w.query("SELECT 'short'")
		w.query("DO SLEEP(0.2)")
		if err := w.reset(); err != nil {
			t.Error(err)
		}
		w.query("DO SLEEP(0.21)")
		if err := w.reset(); err != nil {
			t.Error(err)
		}
	}, "--raw-text", "--min-duration", "100ms")
	r.wantParents(t, w.id, [][2]string{{"DO SLEEP(0.2)", appSpan(1)}, {"DO SLEEP(0.21)", ""}})
	r.wantRecords(t, map[string]uint64{"noted": 1, "adopted": 1})
	for _, s := range r.spans {
		if s.Kind == kindServer && s.duration() < 100*time.Millisecond {
			t.Errorf("%q took %v", s.text(), s.duration())
		}
	}
}
