// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

func TestStatementsOfPostgreSQLAreUnderTheApplicationsSpan(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	eachMode(t, func(t *testing.T, mode pgx.QueryExecMode) {
		s := openSession(t, server, mode)
		r := watch(t, server, func() {
			for i := range 3 {
				s.must("SELECT $1::int "+contextOf(40, i).comment(), i)
			}
			s.must("SELECT 'no context'")
			s.settle()
		})
		list := r.pgStatements(s.PgConn().PID())
		if len(list) != 4 {
			t.Fatalf("%d spans, want 4", len(list))
		}
		for i, span := range list[:3] {
			context := contextOf(40, i)
			if span.TraceID != context.traceID || span.Parent != context.spanID {
				t.Errorf("%s is in trace %s under %s, want %v", span.text(), span.TraceID, span.Parent, context)
			}
		}
		if list[3].Parent != "" {
			t.Errorf("%s is under %s, want a trace of its own", list[3].text(), list[3].Parent)
		}
	})
}

// A prepared statement's comment is that of the request in which it was prepared:
// of the executions only the first one belongs to it.
func TestTheCommentOfAPreparedStatementOfPostgreSQLGrowsStale(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	s := openSession(t, server, pgx.QueryExecModeCacheStatement)
	context := contextOf(41, 1)
	query := "SELECT $1::text " + context.comment()
	r := watch(t, server, func() {
		s.must(query, "first")
		s.must(query, "second")
		s.must("SELECT 1 + $1::int", 1) // prepares another one
		s.must(query, "third")
		s.settle()
	})
	type relation struct {
		Parent string
		Links  int
	}
	var got []relation
	for _, span := range r.pgStatements(s.PgConn().PID()) {
		got = append(got, relation{span.Parent, len(span.Links)})
		if len(span.Links) == 1 && span.Links[0].SpanID != context.spanID {
			t.Errorf("the link is to %s, want %s", span.Links[0].SpanID, context.spanID)
		}
	}
	want := []relation{{context.spanID, 0}, {"", 1}, {"", 0}, {"", 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parents and links (-want +got):\n%s", diff)
	}
}
