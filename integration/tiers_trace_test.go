// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// tree renders spans as text and the text of what they are under, in the order
// in which they began.
func tree(list []otlpSpan) [][2]string {
	texts := make(map[string]string, len(list))
	for _, s := range list {
		texts[s.SpanID] = s.text()
	}
	var edges [][2]string
	for _, s := range list {
		parent, ok := texts[s.Parent]
		if !ok {
			parent = s.Parent
		}
		edges = append(edges, [2]string{s.text(), parent})
	}
	return edges
}

// withNested are the query spans of a tier with those of the statements inside of
// procedures, functions and triggers, as they began.
func (r *result) withNested(t *testing.T, tier tier) []otlpSpan {
	t.Helper()
	return r.ofServer(t, tier, func(s *otlpSpan) bool {
		return s.Kind == kindServer && s.Name != preparation || s.Kind == kindInternal && s.Attrs["db.query.text"] != nil
	})
}

func testProcedure(t *testing.T, tier tier, server *servers.Server) {
	c := connect(t, server, "")
	c.must("CREATE OR REPLACE PROCEDURE inner_p() BEGIN UPDATE items SET price = 1 WHERE id = 1; SELECT 'i', 2; END")
	c.must("CREATE OR REPLACE PROCEDURE outer_p() BEGIN CALL inner_p(); DELETE FROM log WHERE id = 0; END")
	c.settle()
	for _, context := range []traceContext{{}, contextOf(7, 1)} {
		name, query := "alone", "CALL outer_p()"
		if context.traceID != "" {
			name, query = "under an application's span", query+" "+context.comment()
		}
		t.Run(name, func(t *testing.T) {
			c := connect(t, server, "")
			r := watch(t, server, func() {
				c.must(query)
				c.settle()
			})
			list := r.withNested(t, tier)
			want := [][2]string{{"CALL outer_p()", context.spanID}}
			if tier.nested {
				want = append(want,
					[2]string{"CALL inner_p()", "CALL outer_p()"},
					[2]string{"UPDATE items SET price = ? WHERE id = ?", "CALL inner_p()"},
					[2]string{"SELECT ?, ?", "CALL inner_p()"},
					[2]string{"DELETE FROM log WHERE id = ?", "CALL outer_p()"})
			}
			if diff := cmp.Diff(want, tree(list)); diff != "" {
				t.Errorf("statement and what is around it (-want +got):\n%s", diff)
			}
			for _, s := range list {
				if s.TraceID != list[0].TraceID || context.traceID != "" && s.TraceID != context.traceID {
					t.Errorf("%s is in trace %s, want that of the CALL, %s", s.text(), s.TraceID, context.traceID)
				}
				if s.Start < list[0].Start || s.End > list[0].End {
					t.Errorf("%s is not within the CALL", s.text())
				}
			}
		})
	}
}

// phasesOf are the names of the inner spans that are under a span, indented by how
// deep, in the order in which they began. One that is not within the time of what
// it is under fails the test.
func phasesOf(t *testing.T, all []otlpSpan, root *otlpSpan) []string {
	t.Helper()
	byID := make(map[string]*otlpSpan)
	for i := range all {
		byID[all[i].SpanID] = &all[i]
	}
	depth := make(map[*otlpSpan]int)
	for i := range all {
		s := &all[i]
		if s.Kind != kindInternal {
			continue
		}
		up := byID[s.Parent]
		if up == nil {
			t.Errorf("%s is under %s, which is no span", s.Name, s.Parent)
			continue
		}
		if s.TraceID != up.TraceID || s.Start < up.Start || s.End > up.End {
			t.Errorf("%s [%d, %d] is not within %s [%d, %d]", s.Name, s.Start, s.End, up.Name, up.Start, up.End)
		}
		steps := 0
		for up != nil && up != root {
			up = byID[up.Parent]
			steps++
		}
		if up == root {
			depth[s] = steps
		}
	}
	var names []string
	for _, s := range slices.SortedFunc(maps.Keys(depth), func(a, b *otlpSpan) int { return int(a.Start - b.Start) }) {
		names = append(names, strings.Repeat("  ", depth[s])+s.Name)
	}
	return names
}

func testPhases(t *testing.T, tier tier, server *servers.Server) {
	const sorted = "SELECT label FROM items WHERE price > 30 ORDER BY label LIMIT 5"
	for _, detail := range []string{"phases", "query"} {
		t.Run(detail, func(t *testing.T) {
			c := connect(t, server, "")
			r := watch(t, server, func() {
				c.must(sorted)
				c.must("SELECT label FROM items WHERE id = 5")
				c.run("SELEKT 1")
				c.settle()
			}, "--detail", detail)
			var want [][]string
			switch {
			case tier.name == "usdt" && detail == "phases":
				want = [][]string{{"parse", "execute", "  filesort"}, {"parse", "execute"}, {"parse"}}
			case tier.name == "uprobe" && detail == "phases":
				want = [][]string{{"parse", "execute", "  filesort"}, {"parse", "execute"}, nil}
			case tier.name == "plugin" && detail == "phases":
				want = [][]string{{"filesort"}, nil, nil} // by the server's functions, beside the plugin
			default:
				want = [][]string{nil, nil, nil}
			}
			var got [][]string
			list := r.statements(t, tier)
			for i := range r.spans {
				if slices.ContainsFunc(list, func(s otlpSpan) bool { return s.SpanID == r.spans[i].SpanID }) {
					got = append(got, phasesOf(t, r.spans, &r.spans[i]))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("phases of each statement (-want +got):\n%s", diff)
			}
		})
	}
}

func testTrust(t *testing.T, tier tier, server *servers.Server) {
	app := contextOf(9, 1)
	for _, policy := range []string{"parent", "link", "off"} {
		t.Run(policy, func(t *testing.T) {
			c := connect(t, server, "")
			r := watch(t, server, func() {
				c.must("SELECT 1 /*traceparent='00-" + app.traceID + "-" + app.spanID + "-01',tracestate='vendor%3D1'*/")
				c.settle()
			}, "--trust-context", policy)
			list := r.statements(t, tier)
			if len(list) != 1 {
				t.Fatalf("%d spans, want 1", len(list))
			}
			s := list[0]
			if own := s.TraceID != app.traceID; own != (policy != "parent") || len(s.TraceID) != 32 {
				t.Errorf("trace %s, the application's is %s", s.TraceID, app.traceID)
			}
			wantParent, wantState, wantLinks := "", "", 0
			switch policy {
			case "parent":
				wantParent, wantState = app.spanID, "vendor=1"
			case "link":
				wantLinks = 1
			}
			if s.Parent != wantParent || s.TraceState != wantState || len(s.Links) != wantLinks {
				t.Errorf("parent %q, state %q, links %v", s.Parent, s.TraceState, s.Links)
			}
			for _, l := range s.Links {
				if l.TraceID != app.traceID || l.SpanID != app.spanID {
					t.Errorf("link to %+v, want %+v", l, app)
				}
			}
		})
	}
}

func testOddContexts(t *testing.T, tier tier, server *servers.Server) {
	app, other := contextOf(11, 1), contextOf(11, 2)
	unsampled := "/*traceparent='00-" + app.traceID + "-" + app.spanID + "-00'*/"
	statements := []string{
		"SELECT 'sampled' " + app.comment(),
		"SELECT 'unsampled', 1 " + unsampled,
		"SELECT 'unsampled', 2 " + unsampled,
		"SELECT 'zero', 1, 2 /*traceparent='00-00000000000000000000000000000000-" + app.spanID + "-01'*/",
		"SELECT 'short', 1, 2 /*traceparent='00-" + app.traceID + "-01'*/",
		"SELECT 'upper', 1, 2 /*traceparent='00-" + "ABCDEF" + app.traceID[6:] + "-" + app.spanID + "-01'*/",
		"SELECT 'two', 1, 2, 3 " + app.comment() + other.comment(),
		`SELECT "` + app.comment() + `", 1, 2, 3, 4`,
	}
	for _, c := range []struct {
		name             string
		flags            []string
		spans            int
		adopted, dropped uint64
	}{
		{"by default", nil, len(statements) - 2, 1, 2},
		{"with --unsampled", []string{"--unsampled"}, len(statements), 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := connect(t, server, "")
			r := watch(t, server, func() {
				for _, s := range statements {
					client.must(s)
				}
				client.settle()
			}, c.flags...)
			got := 0
			for _, s := range r.statements(t, tier) {
				got++
				context := s.text() == "SELECT ?" || s.text() == "SELECT ?, ?"
				if (s.TraceID == app.traceID && s.Parent == app.spanID) != context {
					t.Errorf("%s is under %s-%s", s.text(), s.TraceID, s.Parent)
				}
			}
			if got != c.spans {
				t.Errorf("%d spans, want %d", got, c.spans)
			}
			for count, want := range map[string]uint64{
				"adopted": c.adopted, "unsampled": c.dropped, "malformed_context": 3, "ambiguous_context": 1,
			} {
				if n := r.ledger["records"][count]; n != want {
					t.Errorf("ledger: %s is %d, want %d", count, n, want)
				}
			}
			r.wantObserved(t, nil, len(statements))
		})
	}
}
