// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"testing"
	"time"
)

const (
	sampledComment   = "/*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/ "
	otherComment     = "/*traceparent='00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01'*/ "
	unsampledComment = "/*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'*/ "
)

// transaction is the record of a transaction of connection 42, number 2, committed in a
// statement of a number.
func transaction(in uint32, change ...func(*Record)) *Record {
	r := &Record{Op: opTransaction, TGID: 7, TID: 8, Seq: 2, ParentSeq: in, StartNs: 2000, EndNs: 3_002_000}
	r.Values[slotConnection], r.Values[slotOutcome] = 42, 1
	r.RestCount[0], r.RestNs[0] = 3, 1_000_000
	for _, c := range change {
		c(r)
	}
	return r
}

// in says of a statement its number, and in which transaction it ended.
func in(seq, transaction uint32) func(*Record) {
	return func(r *Record) { r.Seq, r.Apart = seq, transaction }
}

// TestATransactionIsUnderTheFirstSpanOfTheApplicationInIt has transactions of which
// one statement or another carries a context.
func TestATransactionIsUnderTheFirstSpanOfTheApplicationInIt(t *testing.T) {
	for name, test := range map[string]struct {
		cfg                   AssemblerConfig
		before, begin, update string // texts
		under                 int    // 1: BEGIN, 2: UPDATE, by the application's span; 0: BEGIN itself
		none                  bool
	}{
		"of the beginning":                 {begin: sampledComment + "BEGIN", update: otherComment + "UPDATE t SET a = 1", under: 1},
		"of a later statement":             {begin: "BEGIN", update: sampledComment + "UPDATE t SET a = 1", under: 2},
		"of none":                          {begin: "BEGIN", update: "UPDATE t SET a = 1"},
		"of another transaction":           {before: sampledComment + "COMMIT", begin: "BEGIN", update: "UPDATE t SET a = 1"},
		"where applications get links":     {cfg: AssemblerConfig{Trust: TrustLink}, begin: sampledComment + "BEGIN", update: "UPDATE t SET a = 1"},
		"that does not sample it":          {begin: "BEGIN", update: unsampledComment + "UPDATE t SET a = 1", none: true},
		"that does, before one that not":   {begin: sampledComment + "BEGIN", update: unsampledComment + "UPDATE t SET a = 1", under: 1},
		"that does not, where all is kept": {cfg: AssemblerConfig{Unsampled: true}, begin: unsampledComment + "BEGIN", update: "UPDATE t SET a = 1", under: 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAssembler(test.cfg)
			if test.before != "" {
				a.Add(whole(test.before, in(0, 0)))
				a.Reset()
			}
			a.Add(whole(test.begin, in(1, 2)))
			a.Add(whole(test.update, in(3, 2)))
			statements := append([]Span(nil), a.Spans()...)
			a.Add(transaction(4))
			a.Add(whole("COMMIT", in(4, 0)))
			var one *Span
			for i := range a.Spans() {
				if s := &a.Spans()[i]; s.Name == "transaction" {
					one = s
				}
			}
			if test.none {
				if one != nil || a.counts.Unsampled != 2 {
					t.Errorf("span %+v, counts %+v", one, a.counts)
				}
				return
			}
			if one == nil {
				t.Fatal("no span")
			}
			want := &statements[max(test.under, 1)-1]
			parent := want.Parent
			if test.under == 0 {
				parent = want.SpanID
			}
			if one.TraceID != want.TraceID || one.Parent != parent || (one.Flags&flagRemoteParent == flagRemoteParent) != (test.under > 0) {
				t.Errorf("it is %x under %x with flags %#x, want trace %x, parent %x", one.TraceID, one.Parent, one.Flags, want.TraceID, parent)
			}
			attrs := attrsOf(one)
			if attrs["spanbridge.transaction.outcome"] != "commit" || attrs["spanbridge.statements"] != "3" || attrs["spanbridge.idle.duration"] != "0.002" ||
				attrs["spanbridge.children.omitted"] != "" || one.Kind != KindInternal || one.EndNs-one.StartNs != 3_000_000 {
				t.Errorf("span %+v with %v", one, attrs)
			}
		})
	}
}

func TestATransactionWithinAStatementIsItsChild(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(transaction(1))
	if len(a.Spans()) != 0 {
		t.Fatalf("spans %+v before their trace is known", a.Spans())
	}
	a.Add(whole(sampledComment+"BEGIN; COMMIT", in(1, 0)))
	spans := a.Spans()
	if len(spans) != 2 || spans[1].Name != "transaction" || spans[1].TraceID != spans[0].TraceID || spans[1].Parent != spans[0].SpanID {
		t.Errorf("spans %+v", spans)
	}
}

func TestATransactionOfUnknownStatementsIsATraceOfItsOwn(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(transaction(4, func(r *Record) { r.RestCount[0] = 0 }))
	s := &a.Spans()[0]
	if !s.Parent.IsZero() || s.TraceID.IsZero() || attrsOf(s)["spanbridge.idle.duration"] != "" {
		t.Errorf("span %+v", s)
	}
}

// TestATransactionThatWasToldStaysInItsTrace has a statement come later that carries a
// context.
func TestATransactionThatWasToldStaysInItsTrace(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(whole("BEGIN", in(1, 2)))
	one, ok := a.Running(transaction(0, func(r *Record) {
		r.Flags, r.EndNs, r.Values[slotOutcome] = FlagUnfinished, r.StartNs+10e9, 0
	}), nil)
	if want := "transaction has been running for 10.0 s, idle for 10.0 s"; !ok || one.Sentence() != want || one.Connection != 42 || one.Idle.Round(time.Second) != 10*time.Second {
		t.Errorf("%q, %+v", one.Sentence(), one)
	}
	trace, id := one.Span.TraceID, one.Span.SpanID
	a.Add(whole(sampledComment+"UPDATE t SET a = 1", in(3, 2)))
	a.Add(transaction(4))
	if s := &a.Spans()[2]; s.TraceID != trace || s.SpanID != id || s.Parent != a.Spans()[0].SpanID {
		t.Errorf("told under %x, the span is %+v", trace, s)
	}
}
