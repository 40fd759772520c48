// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// statement is one statement that a client sent, and what is true of it.
type statement struct {
	name        string // of its case, with its number there if there are several
	group       int    // number of its case
	step        *step
	sql         string // as sent
	connection  int64
	database    string
	preparation bool   // a command that prepares
	traceparent string // what it carries
	stale       bool   // since it was prepared, other commands have come
	sent        time.Time
	settled     time.Time // when the server had done with its packet
	result      result
	failure     *failure
	account     *account // the server's own, nil for none
}

// runner sends the suite.
type runner struct {
	t        *testing.T
	suite    *suite
	dialect  string
	observer client
	clients  map[string]client
	database map[string]string // of each client
	pending  map[string]chan struct{}
	sent     []*statement // in the order in which they were sent
}

// run sends all cases and returns their statements.
func run(t *testing.T, s *suite, dialect string, clients map[string]client, observer client) []*statement {
	r := &runner{
		t: t, suite: s, dialect: dialect, clients: clients, observer: observer,
		database: map[string]string{"a": servers.Database, "b": servers.Database, "q": servers.Database},
		pending:  make(map[string]chan struct{}),
	}
	for i := range s.Cases {
		r.runCase(i, &s.Cases[i])
	}
	return r.sent
}

func (r *runner) runCase(group int, c *testCase) {
	first := len(r.sent)
	context := fmt.Sprintf("00-%032x-%016x-01", 0x5b000+group, 0xca5e000+group)
	for _, step := range c.of(r.dialect) {
		time.Sleep(step.Pause)
		if step.Client == "" {
			step.Client = "a"
		}
		r.wait(step.Client)
		r.send(group, step, context)
	}
	r.wait("a")
	r.wait("b")
	for i, s := range r.sent[first:] {
		if s.name = c.Name; len(r.sent) > first+1 {
			s.name = fmt.Sprintf("%s #%d", c.Name, i+1)
		}
	}
}

// wait returns once a client's background statement has ended.
func (r *runner) wait(name string) {
	if done := r.pending[name]; done != nil {
		<-done
		delete(r.pending, name)
	}
}

// send runs one step. In the background no other goroutine touches its client
// or its statements until wait.
func (r *runner) send(group int, s *step, context string) {
	sql := fill(s.text(r.dialect), r.clients, context)
	c := r.clients[s.Client]
	add := func(sql string) *statement {
		one := &statement{
			group: group, step: s, sql: sql, connection: c.id(),
			database: r.database[s.Client],
		}
		if s.Context != "" {
			one.traceparent = context
		}
		r.sent = append(r.sent, one)
		return one
	}
	if s.Uses != "" {
		defer func() { r.database[s.Client] = s.Uses }()
	}
	switch {
	case s.Send == "prepared":
		r.prepared(c, s, sql, add)
	case s.Background:
		one, done := add(sql), make(chan struct{})
		r.pending[s.Client] = done
		go func() {
			defer close(done)
			r.finish(c, s, []*statement{one}, timed(r.t.Context(), c, func() ([]result, error) {
				return c.text(r.t.Context(), sql, "")
			}))
		}()
		r.observe(c, s, done)
	default:
		e := timed(r.t.Context(), c, func() ([]result, error) { return transmit(r.t.Context(), c, s, sql, context) })
		var all []*statement
		for _, part := range s.statements(r.dialect) {
			if len(all) <= len(e.results) { // the one that failed is the last
				all = append(all, add(fill(part, r.clients, context)))
			}
		}
		r.finish(c, s, all, e)
	}
}

// observerAlias is in every statement that observes.
const observerAlias = "suite_observer"

// observeEvery is more than 100 ms: innodb_trx tells the same as before when it is
// read more often (CACHE_MIN_IDLE_TIME in storage/innobase/trx/trx0i_s.cc).
const observeEvery = 120 * time.Millisecond

// observe returns once the background statement of a step waits, or runs.
func (r *runner) observe(c client, s *step, done <-chan struct{}) {
	of := choose(r.suite.Observe, r.dialect)
	query := of.Running
	if s.Waits.For != "" {
		query = of.Waiting
	}
	query = strings.ReplaceAll(query, "{id}", fmt.Sprint(c.id()))
	for {
		results, err := r.observer.text(r.t.Context(), query, "")
		if err != nil {
			r.t.Fatalf("%s: %v", query, err)
		}
		if results[0].rows > 0 {
			return
		}
		select {
		case <-done:
			r.t.Errorf("%s did not wait", s.text(r.dialect))
			return
		case <-time.After(observeEvery):
		}
	}
}

func transmit(ctx context.Context, c client, s *step, sql, traceparent string) ([]result, error) {
	switch s.Send {
	case "data":
		return c.data(ctx, sql, s.Data)
	case "unnamed":
		return c.unnamed(ctx, sql, s.Args[0])
	case "attribute":
		return c.text(ctx, sql, traceparent)
	}
	return c.text(ctx, sql, "")
}

// prepared prepares a statement and executes it once for each list of arguments.
// The first execution follows its preparation at once; a comment is stale in the
// others.
func (r *runner) prepared(c client, s *step, sql string, add func(string) *statement) {
	ctx := r.t.Context()
	preparation := add(sql)
	preparation.preparation = true
	preparation.sent = time.Now()
	if err := c.prepare(ctx, sql); err != nil {
		e := timed(ctx, c, func() ([]result, error) { return nil, err })
		e.sent = preparation.sent
		r.finish(c, s, []*statement{preparation}, e)
		return
	}
	for i, args := range s.Args {
		execution := add(sql)
		execution.stale = i > 0
		r.finish(c, s, []*statement{execution}, timed(ctx, c, func() ([]result, error) { return c.execute(ctx, args) }))
		if i == 0 {
			preparation.settled = execution.settled
		}
	}
	if err := c.unprepare(ctx); err != nil {
		r.t.Errorf("%s: %v", sql, err)
	}
}

// finish hands what a client got to the statements of a packet, and holds it
// against what the step says.
func (r *runner) finish(c client, s *step, all []*statement, e exchange) {
	for i, one := range all {
		one.sent, one.settled = e.sent, e.settled
		if i < len(e.results) {
			one.result = e.results[i]
		}
		if len(s.Parts) == 0 { // a procedure gives several results
			one.result = sum(e.results)
		}
	}
	last := all[len(all)-1]
	if e.err != nil {
		if last.failure = c.failure(e.err); last.failure == nil {
			r.t.Errorf("%s: %v", last.sql, e.err)
		}
	}
	if want := s.Fails.of(r.dialect); last.failure.String() != want {
		r.t.Errorf("%.200s failed with %q, want %q", last.sql, last.failure, want)
	}
	if e.err == nil && len(s.Parts) > 0 && len(e.results) != len(s.Parts) {
		r.t.Errorf("%s gave %d results", s.text(r.dialect), len(e.results))
	}
}

func sum(results []result) (total result) {
	for _, one := range results {
		total.rows += one.rows
		total.affected = one.affected
	}
	return total
}
