// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// stage is a part of a statement in the server's words.
type stage struct {
	name string
	took time.Duration
}

// stageRuns are executions of one kind of statement on a connection.
type stageRuns struct {
	name       string
	statements []string
	lock       string // what another connection does before each, for 300 ms; "" for nothing
}

// TestStagesAreThoseOfPerformanceSchema compares the very same executions, since
// two runs of a statement differ by more than two ways to measure one.
func TestStagesAreThoseOfPerformanceSchema(t *testing.T) {
	for _, whole := range []tier{{server: "MySQL 5.6", start: servers.MySQL56}, {server: "MySQL 9.7", start: servers.MySQL}} {
		t.Run(whole.server, func(t *testing.T) { compareStagesOf(t, whole) })
	}
}

func compareStagesOf(t *testing.T, whole tier) {
	server := startServer(t, whole, "--performance-schema-instrument=stage/%=ON",
		"--performance-schema-consumer-events-stages-current=ON",
		"--performance-schema-consumer-events-stages-history-long=ON",
		"--performance-schema-events-stages-history-long-size=20000",
		"--performance-schema-consumer-events-statements-history-long=ON",
		"--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2") // not about disks
	fillMySQL(t, server)
	kinds := []stageRuns{{name: "UPDATE"}, {name: "sorting SELECT"}, {name: "ALTER"}}
	for i := range 200 {
		kinds[0].statements = append(kinds[0].statements, fmt.Sprintf("UPDATE items SET price = price + 1 WHERE id = %d", i+1))
		kinds[1].statements = append(kinds[1].statements, "SELECT label FROM items ORDER BY price DESC, label LIMIT 5")
	}
	for i := range 20 { // each takes about 50 ms
		kinds[2].statements = append(kinds[2].statements,
			fmt.Sprintf("ALTER TABLE items ADD INDEX price%d (price), ALGORITHM=INPLACE", i))
	}
	kinds = append(kinds, stageRuns{"waiting SELECT", slices.Repeat([]string{"SELECT label FROM items LIMIT 1"}, 3), "LOCK TABLES items WRITE"})
	clients := make([]*client, len(kinds))
	told := make([][][]stage, len(kinds))
	r := watch(t, server, func() {
		for i, kind := range kinds {
			clients[i] = connect(t, server, "")
			for _, statement := range kind.statements {
				if kind.lock != "" {
					waitFor(t, clients[i], statement, lockFor(t, server, kind.lock))
					continue
				}
				clients[i].must(statement)
			}
			clients[i].settle()
			told[i] = readStages(t, server, clients[i].id)
		}
	}, "--detail", "stages")
	for i, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			got := r.stages(clients[i].id)
			if len(got) != len(told[i]) || len(got) != 1+len(kind.statements) { // and the one that asks for the id
				t.Fatalf("%d statements have stages, %d in Performance Schema, of %d", len(got), len(told[i]), 1+len(kind.statements))
			}
			compareStages(t, told[i][1:], got[1:])
		})
	}
}

// lockFor takes a lock and returns what gives it back.
func lockFor(t *testing.T, server *servers.Server, lock string) (release func()) {
	t.Helper()
	holder := connect(t, server, "")
	holder.must(lock)
	return func() { holder.must("UNLOCK TABLES") }
}

// compareStages wants the same names in the same order of every execution, and
// of each stage about the same median.
func compareStages(t *testing.T, want, got [][]stage) {
	t.Helper()
	names := func(list []stage) (names []string) {
		for _, s := range list {
			names = append(names, s.name)
		}
		return names
	}
	ours, theirs, apart := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}
	var order []string
	for i := range want {
		if diff := gocmp.Diff(names(want[i]), names(got[i])); diff != "" {
			t.Fatalf("stages of execution %d differ (-Performance Schema +spans):\n%s", i, diff)
		}
		for j, s := range want[i] {
			if theirs[s.name] == nil {
				order = append(order, s.name)
			}
			theirs[s.name] = append(theirs[s.name], s.took)
			ours[s.name] = append(ours[s.name], got[i][j].took)
			apart[s.name] = append(apart[s.name], got[i][j].took-s.took)
		}
	}
	for _, name := range order {
		mine, reference := median(ours[name]), median(theirs[name])
		t.Logf("%-50s %5d times, median %10v, in Performance Schema %10v, of the differences %8v",
			name, len(ours[name]), mine, reference, median(apart[name]))
		if off := (mine - reference).Abs(); off > 20*time.Microsecond+reference/10 {
			t.Errorf("stage %q: median %v, in Performance Schema %v", name, mine, reference)
		}
	}
}

// stages returns those of the statements of a connection, in order.
func (r *result) stages(connection int64) (all [][]stage) {
	for _, s := range r.ofConnections([]int64{connection})[connection] {
		var steps []otlpSpan
		for _, child := range r.spans {
			if child.TraceID == s.TraceID && child.Kind == kindInternal && child.word("spanbridge.tier") == "psi" &&
				child.Name != "parse" && child.Name != "execute" {
				steps = append(steps, child)
			}
		}
		slices.SortStableFunc(steps, func(a, b otlpSpan) int { return int(a.Start - b.Start) })
		var list []stage
		for _, step := range steps {
			list = append(list, stage{step.Name, step.duration()})
		}
		all = append(all, list)
	}
	return all
}

// readStages returns those of the statements of a connection, in order, from
// Performance Schema. A name there has two prefixes: stage/sql/Opening tables.
func readStages(t *testing.T, server *servers.Server, connection int64) (all [][]stage) {
	t.Helper()
	rows, err := connect(t, server, "").conn.QueryContext(t.Context(), `
		SELECT statement.EVENT_ID, stage.EVENT_NAME, stage.TIMER_WAIT DIV 1000
		FROM performance_schema.threads thread
		JOIN performance_schema.events_statements_history_long statement USING (THREAD_ID)
		JOIN performance_schema.events_stages_history_long stage
		  ON stage.THREAD_ID = thread.THREAD_ID AND stage.NESTING_EVENT_ID = statement.EVENT_ID
		WHERE thread.PROCESSLIST_ID = ? AND statement.EVENT_NAME LIKE 'statement/sql/%'
		ORDER BY statement.EVENT_ID, stage.EVENT_ID`, connection)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	last := int64(-1)
	for rows.Next() {
		var statement, ns int64
		var name string
		if err := rows.Scan(&statement, &name, &ns); err != nil {
			t.Fatal(err)
		}
		if statement != last {
			all, last = append(all, nil), statement
		}
		name = strings.SplitN(name, "/", 3)[2]
		all[len(all)-1] = append(all[len(all)-1], stage{name, time.Duration(ns)})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
