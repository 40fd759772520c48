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
