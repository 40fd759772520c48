// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// staged are statements, with their sanitised texts, whose stages are compared.
var staged = []struct{ sql, text string }{
	{"UPDATE items SET price = 5 WHERE id = 11", "UPDATE items SET price = ? WHERE id = ?"},
	{"SELECT label FROM items WHERE price > 40 ORDER BY label LIMIT 3", "SELECT label FROM items WHERE price > ? ORDER BY label LIMIT ?"},
	{"ALTER TABLE log ADD COLUMN staged INT, ALGORITHM=COPY", "ALTER TABLE log ADD COLUMN staged INT, ALGORITHM=COPY"},
	{"SELECT nothing FROM items", "SELECT nothing FROM items"}, // fails
}

func TestStagesOfMariaDBAreThoseOfPerformanceSchema(t *testing.T) {
	t.Parallel()
	for _, psi := range []tier{
		{name: "psi", server: "10.5", start: servers.MariaDB105}, {name: "psi", server: "11.8", start: servers.MariaDB118},
	} {
		t.Run(psi.server, func(t *testing.T) {
			t.Parallel()
			compareStagesOfMariaDB(t, psi)
		})
	}
}

func compareStagesOfMariaDB(t *testing.T, psi tier) {
	server := startServer(t, psi, "--performance-schema=ON", "--performance-schema-instrument=stage/%=ON",
		"--performance-schema-consumer-events-stages-current=ON", "--performance-schema-consumer-events-stages-history-long=ON",
		"--performance-schema-consumer-events-statements-current=ON", "--performance-schema-consumer-events-statements-history-long=ON")
	createItems(t, server)
	c, reader := connect(t, server, ""), connect(t, server, "")
	want := make(map[string][]string)
	r := watch(t, server, func() {
		for _, s := range staged {
			_, _ = c.run(s.sql) // one is to fail
		}
		c.settle()
		for _, s := range staged {
			want[s.text] = reader.stages(c.id, s.sql)
		}
	}, "--detail", "stages")
	wantStages(t, want, stagesOf(t, r, psi))
}

// Without Performance Schema, and without the symbol file, statements are seen as
// well as ever, and why there are no stages is said.
func TestWithoutPerformanceSchemaStagesAreNotAvailable(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(context.Context, ...servers.Option) (*servers.Server, error){
		"10.11": servers.StockMariaDB, "11.8": servers.MariaDB118,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := tier{name: "uprobe", start: start}
			server := startServer(t, plain)
			c := connect(t, server, "")
			r := watch(t, server, func() {
				c.must("SELECT 'no stages'")
				c.settle()
			}, "--detail", "stages")
			list := r.statements(t, plain)
			if len(list) != 1 || list[0].text() != "SELECT ?" {
				t.Errorf("%d statements, want one: %v", len(list), list)
			}
			if !regexp.MustCompile(`not seen: .*\bstage\b`).MatchString(r.stderr) {
				t.Errorf("it does not say that there are no stages:\n%s", r.stderr)
			}
		})
	}
}

// stages are the names of a statement's stages in the order in which they began,
// by Performance Schema.
func (c *client) stages(connection int64, statement string) []string {
	c.t.Helper()
	rows, err := c.conn.QueryContext(c.t.Context(), `SELECT SUBSTRING_INDEX(s.EVENT_NAME, '/', -1)
		FROM performance_schema.threads t
		JOIN performance_schema.events_statements_history_long q ON q.THREAD_ID = t.THREAD_ID
		JOIN performance_schema.events_stages_history_long s ON s.THREAD_ID = q.THREAD_ID AND s.NESTING_EVENT_ID = q.EVENT_ID
		WHERE t.PROCESSLIST_ID = ? AND q.SQL_TEXT = ? ORDER BY s.EVENT_ID`, connection, statement)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			c.t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// stagesOf are the names of the stages of each statement in the order in which
// they began, by its text.
func stagesOf(t *testing.T, r *result, psi tier) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for _, s := range r.statements(t, psi) {
		begun := r.ofServer(t, psi, func(stage *otlpSpan) bool {
			return stage.Kind == kindInternal && stage.Attrs["spanbridge.tier"] == psi.name &&
				stage.Name != "parse" && stage.Name != "execute" && within(r, stage, s.SpanID)
		})
		for _, stage := range begun {
			all[s.text()] = append(all[s.text()], stage.Name)
		}
	}
	return all
}

// within reports whether a span is somewhere under another one.
func within(r *result, s *otlpSpan, id string) bool {
	for up := s.Parent; up != ""; {
		if up == id {
			return true
		}
		i := slices.IndexFunc(r.spans, func(other otlpSpan) bool { return other.SpanID == up })
		if i < 0 {
			return false
		}
		up = r.spans[i].Parent
	}
	return false
}

func wantStages(t *testing.T, want, got map[string][]string) {
	t.Helper()
	for _, s := range staged {
		if len(want[s.text]) < 5 {
			t.Errorf("%s: Performance Schema has %d stages: %v", s.sql, len(want[s.text]), want[s.text])
		}
		if diff := cmp.Diff(want[s.text], got[s.text]); diff != "" {
			t.Errorf("%s (-Performance Schema +spans):\n%s", s.sql, diff)
		}
	}
}
