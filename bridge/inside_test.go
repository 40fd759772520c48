// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outline names the parent of each span but the outermost.
func outline(spans []Span) map[string]string {
	names := make(map[SpanID]string)
	for i := range spans {
		names[spans[i].SpanID] = spans[i].Name
	}
	parents := make(map[string]string)
	for i := range spans {
		if s := &spans[i]; !s.Parent.IsZero() {
			parents[s.Name] = names[s.Parent]
		}
	}
	return parents
}

func bounded(at uint64) func(*Record) {
	return func(r *Record) { r.Values[slotBoundary] = at }
}

func TestABoundaryMakesTwoPhases(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(whole("SELECT a FROM t /*traceparent='"+traceparent+"-01'*/", bounded(31_000)))
	a.Reset()
	if got := a.Counts(); got.Children != 2 || got.Assembled != 1 {
		t.Errorf("got %+v", got)
	}
	a.Add(whole("SELECT a FROM t", bounded(31_000)))
	root, parse, execute := &a.Spans()[0], &a.Spans()[1], &a.Spans()[2]
	if parse.Name != "parse" || execute.Name != "execute" || parse.Kind != KindInternal || execute.Kind != KindInternal {
		t.Errorf("got %+v and %+v", parse, execute)
	}
	if parse.StartNs != root.StartNs || parse.EndNs-parse.StartNs != 30_000 ||
		execute.StartNs != parse.EndNs || execute.EndNs != root.EndNs {
		t.Errorf("statement %d to %d, parse %d to %d, execute %d to %d", root.StartNs, root.EndNs,
			parse.StartNs, parse.EndNs, execute.StartNs, execute.EndNs)
	}
	if parse.Parent != root.SpanID || execute.Parent != root.SpanID || parse.TraceID != root.TraceID {
		t.Error("the phases are not children of the statement")
	}
	if diff := cmp.Diff(map[string]string{"spanbridge.tier": "uprobe"}, attrsOf(parse)); diff != "" {
		t.Error(diff)
	}
}

func TestABoundaryOutsideOfTheOperationMakesNoPhases(t *testing.T) {
	for _, at := range []uint64{0, 1, 1000, 251_000, 1 << 63} {
		a := newAssembler(AssemblerConfig{})
		a.Add(whole("SELECT a FROM t", bounded(at), func(r *Record) {
			r.Entries = []Entry{{Op: opSort, Depth: 1, StartNs: 2000, DurationNs: 1000}}
		}))
		if diff := cmp.Diff(map[string]string{"sort": "SELECT t"}, outline(a.Spans())); diff != "" {
			t.Errorf("boundary %d: parents differ (-want +got):\n%s", at, diff)
		}
	}
}

func TestEntriesNestInTheirPhase(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	dir := a.dir.(*fakeDirectory)
	entry := func(name string, depth uint16, start, end uint64) Entry {
		dir.ops = append(dir.ops, &Operation{Name: name, Inline: true})
		return Entry{Op: uint16(len(dir.ops) - 1), Depth: depth, StartNs: start, DurationNs: end - start}
	}
	entries := []Entry{ // in the order of their ends
		entry("in the first", 1, 2000, 10_000),
		entry("up to the boundary", 1, 20_000, 31_000),
		entry("across", 1, 30_500, 40_000),
		entry("from the boundary", 1, 31_000, 50_000),
		entry("deeper", 2, 60_000, 70_000),
		entry("in the second", 1, 55_000, 80_000),
	}
	a.Add(whole("SELECT a FROM t", bounded(31_000), func(r *Record) { r.Entries = entries }))
	want := map[string]string{
		"parse": "SELECT t", "execute": "SELECT t",
		"in the first": "parse", "up to the boundary": "parse", "across": "SELECT t",
		"from the boundary": "execute", "in the second": "execute", "deeper": "in the second",
	}
	if diff := cmp.Diff(want, outline(a.Spans())); diff != "" {
		t.Errorf("parents differ (-want +got):\n%s", diff)
	}
}

func TestAPhaseWithoutANameIsNone(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.dir.Operation(opWhole).Phases[0] = ""
	a.Add(whole("SELECT a FROM t", bounded(31_000), func(r *Record) {
		r.Entries = []Entry{{Op: opSort, Depth: 1, StartNs: 2000, DurationNs: 1000}}
	}))
	if diff := cmp.Diff(map[string]string{"execute": "SELECT t", "sort": "SELECT t"}, outline(a.Spans())); diff != "" {
		t.Errorf("parents differ (-want +got):\n%s", diff)
	}
}

func TestInnerOperationsAreNamedByTheirValue(t *testing.T) {
	for _, test := range []struct {
		name  string
		op    uint16
		value uint64
		want  string
	}{
		{"known", opWait, 7, "row lock"},
		{"unknown", opWait, 8, "wait"},
		{"without names", opSort, 7, "sort"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(AssemblerConfig{})
			a.Add(whole("SELECT a FROM t", func(r *Record) {
				r.Entries = []Entry{{Op: test.op, Depth: 1, StartNs: 2000, DurationNs: 1000, Value: test.value}}
			}))
			s := &a.Spans()[1]
			if s.Name != test.want {
				t.Errorf("got %q, want %q", s.Name, test.want)
			}
			if got := attrsOf(s)["spanbridge.wait"]; test.op == opWait && got != Int("", int64(test.value)).Text() {
				t.Errorf("the attribute is %q", got)
			}
		})
	}
}

func TestWaitsNestAmongEntries(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	dir := a.dir.(*fakeDirectory)
	dir.ops = append(dir.ops, &Operation{Name: "commit", Inline: true})
	commit := uint16(len(dir.ops) - 1)
	a.Add(whole("SELECT a FROM t", bounded(31_000), func(r *Record) {
		r.Entries = []Entry{
			{Op: opSort, Depth: 1, StartNs: 40_000, DurationNs: 5000},
			{Op: commit, Depth: 1, StartNs: 60_000, DurationNs: 40_000},
		}
		r.Waits = []Wait{
			{Class: TimeDisk, Depth: 1, StartNs: 2000, DurationNs: 10_000},
			{Class: TimeRunQueue, Depth: 1, StartNs: 50_000, DurationNs: 5000},
			{Class: TimeSync, Depth: 2, StartNs: 70_000, DurationNs: 20_000},
			{Class: TimeLock, Depth: 1, StartNs: 150_000, DurationNs: 20_000},
			{Class: NumTimes, Depth: 1, StartNs: 180_000, DurationNs: 20_000},
		}
		r.Unlisted = 3
	}))
	want := map[string]string{
		"parse": "SELECT t", "execute": "SELECT t", "sort": "execute", "commit": "execute",
		"disk wait": "parse", "run queue": "execute", "sync wait": "commit", "lock wait": "execute",
	}
	if diff := cmp.Diff(want, outline(a.Spans())); diff != "" {
		t.Errorf("parents differ (-want +got):\n%s", diff)
	}
	root := &a.Spans()[0]
	if got := attrsOf(root)[keyRest]; got != "3" {
		t.Errorf("%q children are left out", got)
	}
	for i := range a.Spans() {
		if s := &a.Spans()[i]; s.Name == "sync wait" {
			if diff := cmp.Diff(map[string]string{"spanbridge.tier": "kernel", "spanbridge.time.class": "sync"}, attrsOf(s)); diff != "" {
				t.Error(diff)
			}
			if s.StartNs-root.StartNs != 69_000 || s.EndNs-s.StartNs != 20_000 || s.Kind != KindInternal {
				t.Errorf("span %+v of %+v", s, root)
			}
		}
	}
}

func TestTimesAreAttributesInSeconds(t *testing.T) {
	spent := func(r *Record) {
		r.Times = Times{MinorFaults: 3, Voluntary: 2}
		r.Times.Ns[TimeCPU], r.Times.Ns[TimeLock] = 1_500_000, 300_000_000
	}
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1", spent, flagged(FlagTimed)))
	a.Add(query("SELECT 1", spent))
	got, without := attrsOf(&a.Spans()[0]), attrsOf(&a.Spans()[1])
	for key := range got {
		if without[key] == got[key] {
			delete(got, key)
		}
	}
	want := map[string]string{
		"spanbridge.time.cpu": "0.0015", "spanbridge.time.lock": "0.3",
		"spanbridge.page_faults.minor": "3", "spanbridge.context_switches.voluntary": "2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes of times that are known (-want +got):\n%s", diff)
	}
}
