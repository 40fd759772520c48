// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUnfinishedOperationsSaySo(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1", func(r *Record) {
		r.Flags |= FlagUnfinished
		r.Values[0] = 0 // the number of the connection is not known
		r.Entries = []Entry{{Op: opSort, Depth: 1, StartNs: 2000, DurationNs: 249_000, Flags: FlagUnfinished, Value: 3}}
	}))
	spans := a.Spans()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	if spans[0].Status != StatusUnset || spans[0].EndNs-spans[0].StartNs != 250_000 {
		t.Errorf("span %+v", spans[0])
	}
	want := map[string]string{
		"db.system.name": "mariadb", "spanbridge.command": "Query", "db.namespace": "shop", "user.name": "ada",
		"db.query.text": "SELECT ?", "db.query.summary": "SELECT", "server.port": "3306", "thread.id": "8",
		"spanbridge.tier": "plugin", "spanbridge.unfinished": "true",
	}
	if diff := cmp.Diff(want, attrsOf(&spans[0])); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if attrsOf(&spans[1])["spanbridge.unfinished"] != "true" {
		t.Errorf("inner span %+v", spans[1])
	}
}

func TestAnOperationWhoseThreadEndedFailed(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1", func(r *Record) { r.Flags |= FlagUnfinished | FlagFailed }))
	s := &a.Spans()[0]
	if s.Status != StatusError || s.StatusText != "the serving thread ended first" || attrsOf(s)["error.type"] != "_OTHER" {
		t.Errorf("span %+v", s)
	}
}

func TestAnUnfinishedStatementSetsNothing(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(whole("SET @traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'", func(r *Record) { r.Flags |= FlagUnfinished }))
	a.Add(whole("SELECT 1", func(r *Record) { r.Seq = 2 }))
	if s := &a.Spans()[1]; !s.Parent.IsZero() {
		t.Errorf("span %+v is under the context that was not set", s)
	}
}

// TestWhatRunsHasTheIDsOfTheSpanThatComes looks at operations while they run and when
// they have ended.
func TestWhatRunsHasTheIDsOfTheSpanThatComes(t *testing.T) {
	const carried = "/*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/ SELECT 1"
	for _, text := range []string{"SELECT 1", carried} {
		a := newAssembler(AssemblerConfig{})
		r := query(text, func(r *Record) { r.Flags |= FlagUnfinished })
		before := a.counts
		one, ok := a.Running(r, nil)
		if !ok || a.counts != before || len(a.Spans()) != 0 {
			t.Fatalf("told %v, counts %+v", ok, a.counts)
		}
		if one.Age != 250*time.Microsecond || one.Connection != 42 || one.Span.Name != "SELECT" {
			t.Errorf("%+v", one)
		}
		a.Add(query(text, func(r *Record) { r.EndNs += 1e9 }))
		s := &a.Spans()[0]
		if one.Span.TraceID != s.TraceID || one.Span.SpanID != s.SpanID || one.Span.Parent != s.Parent {
			t.Errorf("told of %x/%x, the span is %x/%x", one.Span.TraceID, one.Span.SpanID, s.TraceID, s.SpanID)
		}
	}
}

func TestTracesOfTheSameNumberAtAnotherTimeAreOthers(t *testing.T) {
	ids, seen := newIDs(), make(map[TraceID]bool)
	for i := range uint32(1000) {
		for _, r := range []Record{{TGID: 1, TID: i, Seq: 1}, {TGID: 1, TID: 1, Seq: i + 2}, {TGID: 1, TID: 1, Seq: 1, StartNs: uint64(i + 1)}} {
			id := ids.traceOf(&r)
			if seen[id] || id.IsZero() || ids.traceOf(&r) != id || newIDs().traceOf(&r) == id {
				t.Fatalf("trace %x of %+v", id, r)
			}
			seen[id] = true
		}
	}
}

func TestWhatRunsTellsWhatItWaitsFor(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	one, _ := a.Running(query("UPDATE t SET a = 1", func(r *Record) {
		r.Flags |= FlagUnfinished
		r.Entries = []Entry{
			{Op: opSort, Depth: 1, StartNs: 1000, DurationNs: 10, Value: 1},
			{Op: opWait, Depth: 2, StartNs: 2000, DurationNs: 3e9, Flags: FlagUnfinished, Value: 7},
			{Op: opExecute, Depth: 1, StartNs: 1500, DurationNs: 4e9, Flags: FlagUnfinished},
		}
	}), nil)
	if one.Wait != "row lock" || one.Waited != 3*time.Second {
		t.Errorf("%+v", one)
	}
	if one.Age = 12300 * time.Millisecond; one.Sentence() != "UPDATE t has been running for 12.3 s: row lock for 3.0 s" {
		t.Errorf("%q", one.Sentence())
	}
	if one.Now != "" || attrsOf(&one.Span)["spanbridge.time.now"] != "" {
		t.Errorf("nobody keeps the clock of the thread, which is told to be at %q", one.Now)
	}
	one.Blocker = 5
	if want := "UPDATE t has been running for 12.3 s: row lock for 3.0 s, held by connection 5"; one.Sentence() != want {
		t.Errorf("%q", one.Sentence())
	}
}

func TestWhatRunsTellsWhatItsThreadIsAt(t *testing.T) {
	for _, test := range []struct {
		class    TimeClass
		in       Entry
		sentence string
	}{
		{TimeCPU, Entry{}, "on CPU"}, {TimeNetwork, Entry{}, "network wait"}, {TimeOther, Entry{}, "other wait"},
		{TimeRunQueue, Entry{Op: opExecute, DurationNs: 2e9}, "execute for 2.0 s, run queue"},
		{TimeLock, Entry{Op: opWait, Value: 7, DurationNs: 3e9}, "row lock for 3.0 s"},
	} {
		a := newAssembler(AssemblerConfig{})
		one, _ := a.Running(query("SELECT 1", func(r *Record) {
			r.Flags |= FlagUnfinished
			r.Now = uint8(test.class) + 1
			r.EndNs = r.StartNs + 12_300_000_000
			if test.in.DurationNs > 0 {
				test.in.Depth, test.in.Flags = 1, FlagUnfinished
				r.Entries = []Entry{test.in}
			}
		}), nil)
		if want := "SELECT has been running for 12.3 s: " + test.sentence; one.Sentence() != want || attrsOf(&one.Span)["spanbridge.time.now"] != test.class.String() {
			t.Errorf("%q with %v, want %q", one.Sentence(), attrsOf(&one.Span), want)
		}
	}
}

// openSource has operations open.
type openSource struct {
	records []*Record
	looks   int
}

func (*openSource) Next(*Record) error { return ErrIdle }
func (*openSource) Close() error       { return nil }
func (s *openSource) Open(_ time.Duration, each func(*Record)) error {
	s.looks++
	for _, r := range s.records {
		each(r)
	}
	return nil
}

// toldSpans keeps the spans that it is told.
type toldSpans []Span

func (l *toldSpans) ExportRunning(_ context.Context, batch []Running) error {
	for i := range batch {
		*l = append(*l, batch[i].Span)
	}
	return nil
}

// TestWhatRunsInsideOfAnotherIsToldInItsTrace has a statement run in a procedure, of
// which the text carries the context.
func TestWhatRunsInsideOfAnotherIsToldInItsTrace(t *testing.T) {
	const call = "/*traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/ CALL p()"
	inner := func(seq, parent uint32) func(*Record) {
		return func(r *Record) { r.Op, r.Seq, r.ParentSeq = opNested, seq, parent }
	}
	records := func() []*Record {
		return []*Record{whole(call), whole("CALL q()", inner(2, 1)), whole("SELECT 1", inner(3, 2)), whole("SELECT 2", inner(9, 8))}
	}
	a, told, source := newAssembler(AssemblerConfig{}), &toldSpans{}, &openSource{records: records()}
	for _, r := range source.records {
		r.Flags, r.EndNs = r.Flags|FlagUnfinished, r.StartNs+2e9
	}
	b := &Bridge{Source: source, Assembler: a, OpenAfter: time.Second, Running: []RunningExporter{told}}
	b.look(t.Context())
	for _, i := range []int{2, 1, 0} {
		a.Add(records()[i])
	}
	if len(*told) != 3 || len(a.Spans()) != 3 { // of what is around the last one nothing is known
		t.Fatalf("told %+v, spans %+v", *told, a.Spans())
	}
	for i, want := range []Span{a.Spans()[0], a.Spans()[2], a.Spans()[1]} {
		if got := (*told)[i]; got.TraceID != want.TraceID || got.SpanID != want.SpanID || got.Parent != want.Parent || got.Flags != want.Flags || got.Name != want.Name {
			t.Errorf("told %+v, the span is %+v", got, want)
		}
	}
}

// heard keeps the ages that it is told.
type heard []time.Duration

func (h *heard) ExportRunning(_ context.Context, batch []Running) error {
	for i := range batch {
		*h = append(*h, batch[i].Age)
	}
	return nil
}

func TestWhatRunsIsToldOnceAndAgainAtTenTimesTheAge(t *testing.T) {
	one := query("SELECT 1", func(r *Record) { r.Flags |= FlagUnfinished })
	source, told := &openSource{records: []*Record{one}}, &heard{}
	b := &Bridge{Source: source, Assembler: newAssembler(AssemblerConfig{}), OpenAfter: time.Second, Running: []RunningExporter{told}}
	for _, seconds := range []uint64{2, 3, 19, 20, 21, 199, 200} {
		b.told.looked = time.Time{}
		one.EndNs = one.StartNs + seconds*1e9
		b.look(t.Context())
	}
	if diff := cmp.Diff(heard{2 * time.Second, 20 * time.Second, 200 * time.Second}, *told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	looks := source.looks
	b.look(t.Context())
	if source.looks != looks {
		t.Error("it looks more than once a second")
	}
	b.told.looked, source.records = time.Time{}, nil
	b.look(t.Context())
	if len(b.told.of) != 0 {
		t.Errorf("what has ended is remembered: %v", b.told.of)
	}
}

// TestEachOfManyThatRunIsToldOnce has more run than a look tells of.
func TestEachOfManyThatRunIsToldOnce(t *testing.T) {
	source, told := &openSource{}, &heard{}
	b := &Bridge{Source: source, Assembler: newAssembler(AssemblerConfig{}), OpenAfter: time.Second, Running: []RunningExporter{told}}
	const many = 2*maxRunningBatch + 10
	for i := range uint32(many) {
		source.records = append(source.records, query("SELECT 1", func(r *Record) {
			r.TID, r.Flags, r.EndNs = 1000+i, r.Flags|FlagUnfinished, r.StartNs+2e9
		}))
	}
	for range 4 {
		b.told.looked = time.Time{}
		slices.Reverse(source.records) // in whichever order they are found
		b.look(t.Context())
	}
	if len(*told) != many {
		t.Errorf("%d were told of %d that run", len(*told), many)
	}
}
