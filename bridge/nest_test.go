// SPDX-License-Identifier: Apache-2.0

package bridge

import "testing"

func nested(text string, seq, parent uint32) *Record {
	return query(text, func(r *Record) { r.Seq, r.ParentSeq = seq, parent })
}

func TestNestedStatementsWaitForTheOutermost(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(nested("INSERT INTO a VALUES (1)", 2, 1))
	a.Add(nested("SELECT 1 FROM b", 4, 3))
	a.Add(nested("CALL inner_one()", 3, 1))
	if n := len(a.Spans()); n != 0 {
		t.Fatalf("%d spans before the outermost one ended", n)
	}
	a.Add(query("CALL outer_one() /*traceparent='" + traceparent + "-01'*/"))
	byName := make(map[string]Span)
	for _, s := range a.Spans() {
		byName[s.Name] = s
	}
	outer, inner := byName["CALL outer_one"], byName["CALL inner_one"]
	for name, parent := range map[string]SpanID{
		"INSERT a": outer.SpanID, "CALL inner_one": outer.SpanID, "SELECT b": inner.SpanID,
	} {
		s, ok := byName[name]
		if !ok {
			t.Fatalf("no span %s in %v", name, byName)
		}
		if s.TraceID != outer.TraceID || s.Parent != parent {
			t.Errorf("%s: trace %x parent %x, want %x and %x", name, s.TraceID, s.Parent, outer.TraceID, parent)
		}
	}
}

func TestNestedStatementsOfOtherThreadsAreNotAdopted(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1 FROM mine", func(r *Record) { r.TID, r.Seq, r.ParentSeq = 9, 2, 1 }))
	a.Add(query("CALL p()"))
	if n := len(a.Spans()); n != 1 {
		t.Fatalf("got %d spans, want only the CALL", n)
	}
}

func TestOrphansGetATraceOfTheirOwn(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	// Their CALL, number 1, was filtered: it gave no record.
	a.Add(nested("SELECT 1 FROM a", 3, 2))
	a.Add(nested("SELECT 1 FROM b", 2, 1))
	a.Add(query("SELECT 1 FROM later", func(r *Record) { r.Seq = 4 }))
	spans := a.Spans()
	if len(spans) != 3 {
		t.Fatalf("got %d spans, want 3", len(spans))
	}
	if spans[0].TraceID != spans[1].TraceID || spans[0].TraceID == spans[2].TraceID {
		t.Error("orphans belong into one trace, which is not that of the next statement")
	}
	if !spans[1].Parent.IsZero() || spans[0].Parent != spans[1].SpanID {
		t.Errorf("parents %x and %x", spans[0].Parent, spans[1].Parent)
	}
	a.Reset()
	if got := a.Counts(); got.Orphaned != 2 || got.Assembled != 3 {
		t.Errorf("got %+v", got)
	}
}

func TestUnsampledOutermostTakesItsNestedAlong(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(nested("SELECT 1", 2, 1))
	a.Add(query("CALL p() /*traceparent='" + traceparent + "-00'*/"))
	a.Reset()
	if got := a.Counts(); got.Assembled != 0 || got.Unsampled != 2 || got.Received != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestWaitingSpansAreBounded(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	for i := range uint32(maxHeld + 10) {
		a.Add(nested("SELECT 1", i+2, 1))
	}
	if a.nest.total > maxHeld {
		t.Errorf("%d spans wait", a.nest.total)
	}
	a.FlushHeld()
	if n := len(a.Spans()); n != maxHeld+10 {
		t.Errorf("got %d spans, want all", n)
	}
}

func TestNestedStatementsOfAnotherOperationHangUnderTheStatement(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	inner := func(text string, seq, parent uint32, change ...func(*Record)) {
		r := whole(text, change...)
		r.Op, r.Seq, r.ParentSeq, r.Command = opNested, seq, parent, NoCommand
		r.StartNs, r.EndNs = 50_000, 90_000
		r.Entries = []Entry{{Op: opSort, Depth: 1, StartNs: 60_000, DurationNs: 1000}}
		a.Add(r)
	}
	inner("INSERT INTO deepest VALUES (1)", 3, 2)
	// A context within a procedure is its author's, not the client's.
	inner("SELECT f() FROM deep /*traceparent='00-11111111111111111111111111111111-2222222222222222-00'*/", 2, 1)
	a.Add(whole("CALL p() /*traceparent='"+traceparent+"-01'*/", bounded(31_000)))
	byName := make(map[string]*Span)
	for i := range a.Spans() {
		if s := &a.Spans()[i]; s.Name != "sort" {
			byName[s.Name] = s
		}
	}
	call, deep, deepest := byName["CALL p"], byName["SELECT deep"], byName["INSERT deepest"]
	if call == nil || deep == nil || deepest == nil || len(a.Spans()) != 7 {
		t.Fatalf("got %d spans, %v", len(a.Spans()), byName)
	}
	if deep.Parent != call.SpanID || deepest.Parent != deep.SpanID {
		t.Errorf("parents are %x and %x", deep.Parent, deepest.Parent)
	}
	sorts := make(map[SpanID]bool)
	for i := range a.Spans() {
		s := &a.Spans()[i]
		if s.TraceID != call.TraceID {
			t.Errorf("%s is in another trace", s.Name)
		}
		if s.Name == "sort" {
			sorts[s.Parent] = true
			if s.StartNs != deep.StartNs+10_000 {
				t.Errorf("the sort begins %d ns after its statement", s.StartNs-deep.StartNs)
			}
		}
	}
	if !sorts[deep.SpanID] || !sorts[deepest.SpanID] {
		t.Error("the inner operations of nested statements are not theirs")
	}
}

func TestNestedStatementsHaveTheirOwnPhases(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(whole("SELECT 1 FROM b", bounded(31_000), func(r *Record) { r.Seq, r.ParentSeq = 2, 1 }))
	a.Add(whole("CALL p()"))
	got := outline(a.Spans())
	if got["parse"] != "SELECT b" || got["execute"] != "SELECT b" || got["SELECT b"] != "CALL p" {
		t.Errorf("got %v", got)
	}
}
