// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpanCarriesWhatTheRecordTells(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT * FROM orders WHERE id = 4711"))
	spans := a.Spans()
	if len(spans) != 1 {
		t.Fatalf("got %d spans, want 1", len(spans))
	}
	s := &spans[0]
	if s.Name != "SELECT orders" || s.Kind != KindServer || s.Status != StatusUnset || !s.Parent.IsZero() {
		t.Errorf("got %+v", s)
	}
	if s.TraceID.IsZero() || s.SpanID.IsZero() {
		t.Errorf("ids are zero: %x %x", s.TraceID, s.SpanID)
	}
	if want := int64(bootTime) + 1000; s.StartNs != want || s.EndNs != want+250_000 {
		t.Errorf("times %d to %d, want %d and 250 µs", s.StartNs, s.EndNs, want)
	}
	want := map[string]string{
		"db.system.name": "mariadb", "db.namespace": "shop", "user.name": "ada",
		"db.query.text": "SELECT * FROM orders WHERE id = ?", "db.query.summary": "SELECT orders",
		"spanbridge.connection.id": "42", "spanbridge.command": "Query", "spanbridge.tier": "plugin",
		"thread.id": "8", "server.port": "3306",
	}
	if diff := cmp.Diff(want, attrsOf(s)); diff != "" {
		t.Errorf("attributes differ (-want +got):\n%s", diff)
	}
}

func TestFailureHasErrorType(t *testing.T) {
	for _, test := range []struct {
		name   string
		number uint64
		want   map[string]string
	}{
		{"with the server's number", 1054, map[string]string{"error.type": "1054", "db.response.status_code": "1054"}},
		{"without a number", 0, map[string]string{"error.type": "_OTHER"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(AssemblerConfig{})
			a.Add(query("SELECT x", func(r *Record) { r.Flags |= FlagFailed; r.Values[2] = test.number }))
			s := &a.Spans()[0]
			got := attrsOf(s)
			for _, key := range []string{"error.type", "db.response.status_code"} {
				if got[key] != test.want[key] {
					t.Errorf("%s is %q, want %q", key, got[key], test.want[key])
				}
			}
			if s.Status != StatusError {
				t.Errorf("status is %d", s.Status)
			}
		})
	}
}

func TestTextThatIsNotWhole(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Record)
		want   map[string]string
		span   string
	}{
		{"cut, length known", func(r *Record) {
			r.Flags |= FlagTextCut
			r.Text, r.Tail, r.TextLength = []byte("SELECT a FROM t WHERE b = 'secr"), []byte("et'"), 9000
		}, map[string]string{"spanbridge.query.truncated": "true", "spanbridge.query.length": "9000"}, "SELECT t"},
		{"cut, length unknown", func(r *Record) { r.Flags |= FlagTextCut; r.TextLength = 0 },
			map[string]string{"spanbridge.query.truncated": "true"}, "SELECT t"},
		{"unreadable", func(r *Record) { r.Flags |= FlagTextFault; r.Text = nil },
			map[string]string{"spanbridge.query.unread": "true"}, "mariadb"},
		{"none, as of a binary execution", func(r *Record) { r.Flags = 0; r.Text = nil },
			map[string]string{}, "mariadb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(AssemblerConfig{})
			a.Add(query("SELECT a FROM t WHERE b = 'secret'", test.change))
			s := &a.Spans()[0]
			got := attrsOf(s)
			for _, key := range []string{"spanbridge.query.truncated", "spanbridge.query.length", "spanbridge.query.unread"} {
				if got[key] != test.want[key] {
					t.Errorf("%s is %q, want %q", key, got[key], test.want[key])
				}
			}
			if s.Name != test.span {
				t.Errorf("name is %q, want %q", s.Name, test.span)
			}
		})
	}
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"

func TestTraceContextFollowsThePolicy(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, test := range []struct {
		name          string
		cfg           AssemblerConfig
		comment       string
		trace, parent string // "" means an own trace, no parent
		links, spans  int
		counts        RecordCounts
	}{
		{"parent", AssemblerConfig{}, traceparent + "-01", trace, parent, 0, 1, RecordCounts{Received: 1, Assembled: 1, Adopted: 1}},
		{"link", AssemblerConfig{Trust: TrustLink}, traceparent + "-01", "", "", 1, 1, RecordCounts{Received: 1, Assembled: 1, Linked: 1}},
		{"off", AssemblerConfig{Trust: TrustOff}, traceparent + "-01", "", "", 0, 1, RecordCounts{Received: 1, Assembled: 1}},
		{"unsampled", AssemblerConfig{}, traceparent + "-00", "", "", 0, 0, RecordCounts{Received: 1, Unsampled: 1}},
		{"unsampled but wanted", AssemblerConfig{Unsampled: true}, traceparent + "-00", trace, parent, 0, 1, RecordCounts{Received: 1, Assembled: 1, Adopted: 1}},
		{"unsampled and off", AssemblerConfig{Trust: TrustOff}, traceparent + "-00", "", "", 0, 1, RecordCounts{Received: 1, Assembled: 1}},
		{"malformed", AssemblerConfig{}, "00-XYZ-1-01", "", "", 0, 1, RecordCounts{Received: 1, Assembled: 1, Malformed: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(test.cfg)
			a.Add(query("SELECT 1 /*traceparent='" + test.comment + "'*/"))
			if len(a.Spans()) != test.spans {
				t.Fatalf("got %d spans, want %d", len(a.Spans()), test.spans)
			}
			for _, s := range a.Spans() {
				if got := fmt.Sprintf("%x", s.TraceID); (got == trace) != (test.trace == trace) {
					t.Errorf("trace is %s", got)
				}
				if got := fmt.Sprintf("%x", s.Parent); test.parent != "" && got != test.parent || test.parent == "" && !s.Parent.IsZero() {
					t.Errorf("parent is %s", got)
				}
				if len(s.Links) != test.links {
					t.Errorf("got %d links", len(s.Links))
				}
			}
			a.Reset()
			if diff := cmp.Diff(test.counts, a.Counts()); diff != "" {
				t.Errorf("counts differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRawTextKeepsLiteralsAndIsValid(t *testing.T) {
	a := newAssembler(AssemblerConfig{RawText: true})
	a.Add(query("SELECT 'ab\xff\x00c'"))
	if got, want := attrsOf(&a.Spans()[0])["db.query.text"], "SELECT 'ab\uFFFD\uFFFDc'"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInnerOperationsBecomeChildren(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT a FROM t ORDER BY b /*traceparent='"+traceparent+"-01'*/", func(r *Record) {
		r.Entries = []Entry{ // in the order of their ends
			{Op: opSort, Depth: 2, StartNs: 3000, DurationNs: 1000, Value: 99},
			{Op: opExecute, Depth: 1, StartNs: 2000, DurationNs: 5000, Flags: FlagFailed},
		}
		r.RestCount[0], r.RestNs[0], r.RestNs[1] = 3, 4_000_000, 1_000_000
	}))
	byName := make(map[string]*Span)
	for i := range a.Spans() {
		byName[a.Spans()[i].Name] = &a.Spans()[i]
	}
	root, execute, sorting := byName["SELECT t"], byName["execute"], byName["sort"]
	if root == nil || execute == nil || sorting == nil {
		t.Fatalf("got %v", byName)
	}
	if execute.Parent != root.SpanID || sorting.Parent != execute.SpanID {
		t.Errorf("parents: execute %x, sort %x; root is %x, execute %x", execute.Parent, sorting.Parent, root.SpanID, execute.SpanID)
	}
	if sorting.TraceID != root.TraceID || execute.TraceID != root.TraceID {
		t.Error("children are in another trace")
	}
	if sorting.StartNs-root.StartNs != 2000 || sorting.EndNs-sorting.StartNs != 1000 {
		t.Errorf("sort lies at %d for %d ns", sorting.StartNs-root.StartNs, sorting.EndNs-sorting.StartNs)
	}
	if execute.Status != StatusError || sorting.Status != StatusUnset {
		t.Error("the wrong child has failed")
	}
	if got := attrsOf(sorting)["spanbridge.sort.rows"]; got != "99" {
		t.Errorf("rows are %q", got)
	}
	if got := attrsOf(root)["spanbridge.children.omitted"]; got != "3" {
		t.Errorf("omitted children are %q", got)
	}
	if got := attrsOf(root)["spanbridge.children.omitted.duration"]; got != "0.005" {
		t.Errorf("omitted children took %q", got)
	}
}

// What ended elsewhere comes late in a record: what was around it has come before.
func TestInnerOperationsThatComeLateHaveTheirParents(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT a FROM t", func(r *Record) {
		r.Entries = []Entry{
			{Op: opExecute, Depth: 1, StartNs: 2000, DurationNs: 5000},
			{Op: opExecute, Depth: 1, StartNs: 7500, DurationNs: 500},
			{Op: opSort, Depth: 2, StartNs: 3000, DurationNs: 4000},
		}
	}))
	for i := range a.Spans() {
		if s := &a.Spans()[i]; s.Name == "sort" {
			for j := range a.Spans() {
				if parent := &a.Spans()[j]; parent.SpanID == s.Parent && (parent.Name != "execute" || parent.EndNs != s.EndNs) {
					t.Errorf("sort is below %s from %d to %d", parent.Name, parent.StartNs, parent.EndNs)
				}
			}
			return
		}
	}
	t.Error("there is no sort")
}

func TestUnknownOperationIsCounted(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1", func(r *Record) { r.Op = opUnknown }))
	a.Reset()
	if diff := cmp.Diff(RecordCounts{Received: 1, Unknown: 1}, a.Counts()); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadableMemoryIsCountedOncePerRecord(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1"))
	a.Add(query("", func(r *Record) { r.Flags |= FlagTextFault | FlagFault }))
	a.Reset()
	if diff := cmp.Diff(RecordCounts{Received: 2, Assembled: 2, Faulty: 1}, a.Counts()); diff != "" {
		t.Error(diff)
	}
}

func TestNamesAreInert(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1", func(r *Record) { r.Strings[1] = []byte("a\x1b]0;x\xffb") }))
	for _, c := range attrsOf(&a.Spans()[0])["user.name"] {
		if c < ' ' {
			t.Errorf("user name holds the control character %U", c)
		}
	}
}

func TestExemplarPointsToTheSpan(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1", func(r *Record) { r.Flags |= FlagFailed; r.Values[2] = 1064 }))
	got := a.exemplars.Take(Series{Op: opQuery, TGID: 7, Status: 1064, Failed: true, Namespace: "shop"})
	s := &a.Spans()[0]
	want := []Exemplar{{TraceID: s.TraceID, SpanID: s.SpanID, DurationNs: 250_000, TimeNs: s.EndNs}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exemplars differ (-want +got):\n%s", diff)
	}
}

// BenchmarkAssemble is the user-space cost of a record without its export.
func BenchmarkAssemble(b *testing.B) {
	a := newAssembler(AssemblerConfig{})
	records := make([]*Record, 64)
	for i := range records {
		records[i] = query(fmt.Sprintf("SELECT a, b, c FROM orders WHERE customer = %d AND state = 'open' LIMIT 10", i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a.Add(records[i%len(records)])
		if i%512 == 0 {
			a.Reset()
		}
	}
}
