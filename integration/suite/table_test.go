// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/integration/backends"
)

func TestEachTierTellsOfEveryStatementWhatTheTableSays(t *testing.T) {
	e := loadExpectations(t)
	for _, tier := range e.Tiers {
		t.Run(tier.Column, func(t *testing.T) {
			t.Parallel() // they mostly wait, for locks
			s := loadSuite(t)
			setup := choose(s.Setup, tier.Dialect)
			sc, clients, observer := open(t, tier, setup)
			var sent []*statement
			spans := watch(t, sc.server, tier.Flags, func() { sent = run(t, s, tier.Dialect, clients, observer) })
			if tier.Dialect != postgresqlDialect {
				addAccounts(t, observer, tier.Dialect, sent)
			}
			judge(t, e, sc, sent, spans)
		})
	}
}

func TestEveryFieldOfTheTableIsChecked(t *testing.T) {
	known := append(slices.Collect(maps.Keys(checks)), preparations, executions, packets)
	var rows []string
	for _, f := range loadExpectations(t).Fields {
		rows = append(rows, f.Field)
	}
	slices.Sort(known)
	slices.Sort(rows)
	if !slices.Equal(known, rows) {
		t.Errorf("the table has the fields\n%q\nand the test checks\n%q", rows, known)
	}
}

// judge holds the spans of a run against what was sent, by the table.
func judge(t *testing.T, e *expectations, sc *scene, sent []*statement, spans []backends.Span) {
	column := sc.tier.Column
	cells := make(map[string]*cell)
	for _, f := range e.Fields {
		cells[f.Field] = f.In[column]
	}
	sent = asSeen(cells, sent)
	roots := slices.DeleteFunc(trees(spans), func(o *observed) bool { return strings.Contains(text(o.Span), observerAlias) })
	pairs := match(t, cells, sent, roots)
	t.Logf("%d statements, %d spans, %d pairs", len(sent), len(spans), len(pairs))
	for _, s := range sent {
		if o := pairs[s]; o != nil && o.Attributes["spanbridge.tier"] != sc.tier.Tier && !s.preparation {
			t.Errorf("%s: seen by the tier %v", s.name, o.Attributes["spanbridge.tier"])
		}
	}
	for _, f := range e.Fields {
		if check := checks[f.Field]; check != nil {
			judgeField(t, f, sc, check, sent, pairs)
		}
	}
}

// mostFaults are reported of a cell.
const mostFaults = 6

// judgeField holds one cell against all statements: what is promised has to be
// right wherever it says anything, and at least once; what is not has to be
// absent everywhere.
func judgeField(t *testing.T, f *field, sc *scene, check check, sent []*statement, pairs map[*statement]*observed) {
	c := f.In[sc.tier.Column]
	count := make(map[verdict]int)
	faults := 0
	report := func(format string, args ...any) {
		if faults++; faults <= mostFaults {
			t.Errorf(format, args...)
		}
	}
	idle := maps.Clone(c.Except)
	for _, s := range sent {
		o := pairs[s]
		if o == nil || o.Attributes["spanbridge.tier"] != sc.tier.Tier {
			continue // preparations can be seen by another tier
		}
		v, detail := check(sc, c, s, o)
		count[v]++
		if v == absent || v == wrong {
			delete(idle, c.exception(s.name))
		}
		switch {
		case c.excepts(s.name):
			if v == right {
				report("%s: %s is right, and the table says that it is not", f.Field, s.name)
			}
		case c.Yes && (v == absent || v == wrong):
			report("%s: %s: %s (%.300s)", f.Field, s.name, detail, s.sql)
		case !c.Yes && (v == right || v == wrong):
			report("%s: %s tells it, and the table says that it cannot: %s", f.Field, s.name, detail)
		}
	}
	for name := range idle {
		t.Errorf("%s: %s is no exception, and the table says that it is", f.Field, name)
	}
	if c.Yes && count[right] == 0 {
		t.Errorf("%s: the table says yes, and no statement shows it", f.Field)
	}
	if faults > mostFaults {
		t.Errorf("%s: and %d more", f.Field, faults-mostFaults)
	}
	t.Logf("%-30s yes %-5v: %d right, %d absent, %d wrong, %d say nothing", f.Field, c.Yes, count[right], count[absent], count[wrong], count[silent])
}

// asSeen makes one statement of a packet, where a tier has one span for it, and
// an ordinary statement of a preparation that is seen as one.
func asSeen(cells map[string]*cell, sent []*statement) (list []*statement) {
	for i, s := range sent {
		if s.preparation && !cells[preparations].Yes && cells[preparations].excepts(s.name) {
			s.preparation = false
		}
		parts := s.step.Parts
		if cells[packets].Yes || len(parts) == 0 {
			list = append(list, s)
			continue
		}
		if last := i+1 == len(sent) || sent[i+1].step != s.step; last {
			s.sql = strings.Join(parts, "; ")
			list = append(list, s)
		}
	}
	return list
}

// match pairs statements with spans. Those of a case began before the next one
// was sent, and within a case both come in the order in which they began.
func match(t *testing.T, cells map[string]*cell, sent []*statement, roots []*observed) map[*statement]*observed {
	pairs := make(map[*statement]*observed)
	taken := 0
	for len(sent) > 0 {
		group := sent
		for i, s := range sent {
			if s.group != sent[0].group {
				group = sent[:i]
				break
			}
		}
		sent = sent[len(group):]
		var seen []*statement
		for _, s := range group {
			if isSeen(cells, s) {
				seen = append(seen, s)
			}
		}
		first := taken
		for taken < len(roots) && (len(sent) == 0 || roots[taken].Start.Before(sent[0].sent)) {
			taken++
		}
		if spans := roots[first:taken]; len(spans) != len(seen) {
			t.Errorf("%s: %d spans for %d statements: %v", group[0].name, len(spans), len(seen), spans)
		} else {
			for i, s := range seen {
				pairs[s] = spans[i]
			}
		}
	}
	return pairs
}

// isSeen reports whether a statement has a span, as the table says.
func isSeen(cells map[string]*cell, s *statement) bool {
	switch {
	case s.preparation:
		return cells[preparations].Yes
	case s.step.Send == "prepared" || s.step.Send == "unnamed":
		return cells[executions].Yes && !cells[executions].excepts(s.name)
	}
	return true
}

// excepts reports whether a statement is an exception.
func (c *cell) excepts(name string) bool { return c.exception(name) != "" }

// exception is the name under which a statement is one, "" if it is none.
func (c *cell) exception(name string) string {
	if c.Except[name] != "" {
		return name
	}
	if of, _, _ := strings.Cut(name, " #"); c.Except[of] != "" {
		return of
	}
	return ""
}
