// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/compare"
)

func server(pid int64) *bridge.Resource {
	return &bridge.Resource{Attrs: []bridge.Attr{bridge.Int("process.pid", pid)}}
}

// query is a span of a statement, with more attributes.
func query(more ...bridge.Attr) bridge.Span {
	return bridge.Span{
		Kind: bridge.KindServer, StartNs: 5000, EndNs: 8000, Resource: server(7),
		Attrs: append([]bridge.Attr{
			bridge.String("spanbridge.tier", "uprobe"), bridge.Int("spanbridge.connection.id", 3),
			bridge.String("db.namespace", "shop"), bridge.String("user.name", "app"),
		}, more...),
	}
}

// TestSpansAreTheStatementsThatTheyTellOf: each field comes from its attribute, what is no statement is
// told from what is, and what is not known is not told.
func TestSpansAreTheStatementsThatTheyTellOf(t *testing.T) {
	failed := query(bridge.String("spanbridge.command", "Execute"), bridge.String("db.query.text", "UPDATE t SET a = ?"),
		bridge.Bool("spanbridge.query.truncated", true), bridge.String("db.response.status_code", "1205"),
		bridge.String("spanbridge.sqlstate", "HY000"), bridge.Int("spanbridge.rows.sent", 0))
	failed.Status = bridge.StatusError
	open := query(bridge.String("spanbridge.command", "Query"), bridge.Bool("spanbridge.unfinished", true))
	inner := query(bridge.String("db.query.text", "SELECT ?"))
	inner.Kind = bridge.KindInternal
	phase := query()
	phase.Kind = bridge.KindInternal
	classic := query(bridge.String("db.query.text", "SELECT ?"))
	classic.Attrs[0] = bridge.String("spanbridge.tier", "usdt")
	classic.Status = bridge.StatusError
	other := query(bridge.String("spanbridge.command", "Query"))
	other.Resource = server(8)

	known := compare.FieldsOf(compare.FieldDatabase, compare.FieldUser)
	rows := compare.FieldsOf(compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldRowsExamined)
	took, text, number := compare.FieldsOf(compare.FieldDuration), compare.FieldsOf(compare.FieldText), compare.FieldsOf(compare.FieldError)
	state := compare.FieldsOf(compare.FieldSQLState)
	base := compare.Statement{Connection: 3, Start: 5000, Database: "shop", User: "app"}
	with := func(change func(*compare.Statement)) compare.Statement {
		s := base
		change(&s)
		return s
	}
	want := []compare.Statement{
		with(func(s *compare.Statement) {
			s.Kind, s.Text, s.Sent, s.Affected, s.Examined, s.Duration = compare.Query, "SELECT ?", 2, 1, 9, 3000
			s.Has = known | rows | took | text | number | state
		}),
		with(func(s *compare.Statement) {
			s.Kind, s.Text, s.Cut, s.Error, s.SQLState, s.Duration = compare.Execute, "UPDATE t SET a = ?", true, 1205, "HY000", 3000
			s.Has = known | rows | took | text | number | state
		}),
		with(func(s *compare.Statement) { s.Kind, s.Has, s.Duration = compare.Query, known, 3000 }),
		with(func(s *compare.Statement) {
			s.Kind, s.Text, s.Duration, s.Has = compare.Inner, "SELECT ?", 3000, compare.FieldsOf(compare.FieldDatabase)|took|text|number|state
		}),
		with(func(s *compare.Statement) {
			s.Kind, s.Text, s.Duration, s.Has = compare.Query, "SELECT ?", 3000, known|took|text
		}),
		with(func(s *compare.Statement) { // a prepare
			s.Kind, s.Text, s.Duration, s.Has = compare.Other, "SELECT ?", 3000, compare.FieldsOf(compare.FieldDatabase)|took|text|number|state
		}),
	}
	a := New(Options{PID: 7, Most: 100}, &bridge.Tally{})
	err := a.Export(t.Context(), []bridge.Span{
		query(bridge.String("spanbridge.command", "Query"), bridge.String("db.query.text", "SELECT ?"), bridge.Int("spanbridge.rows.sent", 2),
			bridge.Int("spanbridge.rows.affected", 1), bridge.Int("spanbridge.rows.examined", 9)),
		failed, open, inner, phase, classic, other, query(bridge.String("db.query.text", "SELECT ?")),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := compare.Collect(a, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Statements {
		got.Statements[i].Ref = 0
	}
	if diff := cmp.Diff(want, got.Statements); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"uprobe", "usdt"}, a.Tiers()); diff != "" {
		t.Error(diff)
	}
}

func TestStatementsOfProbesAreBounded(t *testing.T) {
	a := New(Options{Most: 10}, &bridge.Tally{})
	for range 100 {
		if err := a.Export(t.Context(), []bridge.Span{query(bridge.String("spanbridge.command", "Query"))}); err != nil {
			t.Fatal(err)
		}
	}
	if l, err := compare.Collect(a, 10); !errors.Is(err, compare.ErrTooMany) || len(l.Statements) != 10 {
		t.Errorf("%d statements, %v", len(l.Statements), err)
	}
}

// TestWhatTheLedgerSaysIsLostHasItsTime: between two looks at the ledger.
func TestWhatTheLedgerSaysIsLostHasItsTime(t *testing.T) {
	a := New(Options{}, &bridge.Tally{})
	l := &bridge.Ledger{Ops: []bridge.OpCounts{{RingFull: 5, NoStart: 1}}}
	at := time.Unix(1000, 0)
	a.Observe(l, at)
	a.Observe(l, at.Add(time.Second))
	l.Ops[0].RingFull, l.Ops[0].NoStorage = 8, 1
	a.Observe(l, at.Add(2*time.Second))
	losses := a.Losses()
	var rings int
	for _, loss := range losses {
		if loss.From < at.UnixNano() || loss.To != at.Add(2*time.Second).UnixNano() {
			t.Errorf("%+v", loss)
		}
		if loss.Why == WhyRingFull && loss.Count == 3 {
			rings++
		}
	}
	if len(losses) != 2 || rings != 1 {
		t.Errorf("%+v", losses)
	}
}
