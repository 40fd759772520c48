// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parentOf is a valid traceparent of which the ids end in n.
func parentOf(n int, flags string) string { return fmt.Sprintf("00-%032x-%016x-%s", n, n, flags) }

func tagged(text string, n int) string { return text + " /*traceparent='" + parentOf(n, "01") + "'*/" }

func setting(n int) string { return "SET @traceparent = '" + parentOf(n, "01") + "'" }

func attribute(value string) func(*Record) {
	return func(r *Record) { r.Strings[slotContext] = []byte(value) }
}

// step is a statement and what becomes of it.
type step struct {
	record *Record
	want   string // see fate
}

// fate says where the spans of the last record are: the number of the trace
// and of those that it is linked to.
func fate(spans []Span) string {
	if len(spans) == 0 {
		return "no span"
	}
	s := &spans[0]
	number := func(id SpanID) string { return strings.TrimLeft(fmt.Sprintf("%x", id), "0") }
	said := "own"
	if !s.Parent.IsZero() {
		said = "under " + number(s.Parent)
		if number(SpanID(s.TraceID[8:])) != number(s.Parent) {
			said += " of another trace"
		}
	}
	for _, l := range s.Links {
		said += " linked " + number(l.SpanID)
		for _, attr := range l.Attrs {
			said += " " + attr.Key + "=" + attr.Text()
		}
	}
	return said
}

func run(t *testing.T, a *Assembler, steps []step) {
	t.Helper()
	for i, s := range steps {
		s.record.Seq = uint32(i + 1)
		a.Add(s.record)
		if got := fate(a.Spans()); got != s.want {
			t.Errorf("step %d, %s: %s, want %s", i+1, s.record.Text, got, s.want)
		}
		a.Reset()
	}
}

const stale = " spanbridge.context.stale=true"

func TestTheFirstCarrierDecides(t *testing.T) {
	malformed := "00-XYZ-1-01"
	for _, test := range []struct {
		name   string
		record *Record
		want   string
		bad    uint64
	}{
		{"an attribute before a comment", whole(tagged("SELECT 1", 2), attribute(parentOf(1, "01"))), "under 1", 0},
		{"an attribute before the variable", whole("SELECT 1", attribute(parentOf(1, "01"))), "under 1", 0},
		{"a comment before the variable", whole(tagged("SELECT 1", 2)), "under 2", 0},
		{"the variable alone", whole("SELECT 1"), "under 3", 0},
		{"a malformed attribute decides", whole(tagged("SELECT 1", 2), attribute(malformed)), "own", 1},
		{"an attribute in capitals is malformed", whole("SELECT 1", attribute(strings.ToUpper(parentOf(10, "01")))), "own", 1},
		{"a malformed comment decides", whole("SELECT 1 /*traceparent='" + malformed + "'*/"), "own", 1},
		{"an empty attribute is none", whole(tagged("SELECT 1", 2), attribute("")), "under 2", 0},
		{"an unsampled attribute before a sampled comment", whole(tagged("SELECT 1", 2), attribute(parentOf(1, "00"))), "no span", 0},
		{"a sampled attribute before an unsampled comment",
			whole("SELECT 1 /*traceparent='"+parentOf(2, "00")+"'*/", attribute(parentOf(1, "01"))), "under 1", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(AssemblerConfig{})
			run(t, a, []step{{whole(setting(3)), "under 3"}, {test.record, test.want}})
			if got := a.Counts().Malformed; got != test.bad {
				t.Errorf("%d malformed, want %d", got, test.bad)
			}
		})
	}
}

func TestTheSessionsVariableLastsUntilItIsChanged(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	run(t, a, []step{
		{whole("SELECT 1"), "own"},
		{whole(setting(1)), "under 1"},
		{whole("SELECT 1"), "under 1"},
		{whole("SELECT 1", on(43)), "own"},
		{whole("SELECT 1", func(r *Record) { r.TID = 9 }), "under 1"},
		{whole(setting(2), on(43)), "under 2"},
		{whole("set @a = 1, @TRACEPARENT := '" + parentOf(3, "01") + "'"), "under 3"},
		{whole("SELECT 1"), "under 3"},
		{whole("SELECT 1", on(43)), "under 2"},
		{whole("SET @other = 1"), "under 3"},
		{whole("SET @traceparent = NULL"), "own"},
		{whole("SELECT 1"), "own"},
		{whole("SELECT 1", on(43)), "under 2"},
		{whole("SET @traceparent = ''", on(43)), "own"},
		{whole("SELECT 1", on(43)), "own"},
	})
	if diff := cmp.Diff(RecordCounts{Received: 15, Assembled: 15, Adopted: 9}, a.Counts()); diff != "" {
		t.Errorf("counts differ (-want +got):\n%s", diff)
	}
}

func TestWhatTheVariableIsSetToByAnExpressionIsNotKnown(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	run(t, a, []step{
		{whole(setting(1)), "under 1"},
		{whole("SET @traceparent = CONCAT(@a, '')"), "own"},
		{whole("SELECT 1"), "own"},
		{whole(setting(1)), "under 1"},
		{whole("SET @b = 'xx", flagged(FlagTextCut)), "own"},
		{whole("SELECT 1"), "own"},
	})
	if got := a.Counts().Malformed; got != 1 {
		t.Errorf("%d malformed, want 1", got)
	}
}

func TestOnlyWhatIsExecutedSetsTheVariable(t *testing.T) {
	run(t, newAssembler(AssemblerConfig{}), []step{
		{whole(setting(1), flagged(FlagFailed)), "under 1"},
		{whole("SELECT 1"), "own"},
		{whole(setting(1), as(commandPrepare, commandQuery)), "own"},
		{whole("SELECT 1"), "own"},
		{whole(setting(1), as(commandExecute, commandPrepare)), "under 1"},
		{whole("SELECT 1"), "under 1"},
		{whole("SET @traceparent = NULL", flagged(FlagFailed)), "own"},
		{whole("SELECT 1"), "under 1"},
	})
}

func TestTheProceduresOwnSettingsDoNotCount(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(whole(setting(1), func(r *Record) { r.Seq, r.ParentSeq = 2, 1 }))
	a.Add(whole("CALL p()"))
	a.Reset()
	a.Add(whole("SELECT 1", func(r *Record) { r.Seq = 3 }))
	if got := fate(a.Spans()); got != "own" {
		t.Errorf("got %s", got)
	}
}

func TestACommandThatResetsTheSessionClearsTheVariable(t *testing.T) {
	run(t, newAssembler(AssemblerConfig{}), []step{
		{whole(setting(1)), "under 1"},
		{whole("SELECT 1", as(commandQuery, commandReset)), "own"},
		{whole("SELECT 1"), "own"},
	})
}

func TestANewProcessHasNoneOfTheOldOnesVariables(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	run(t, a, []step{{whole(setting(1)), "under 1"}})
	dir := newDirectory()
	a.dir = dir // with the instance of a process of the same number
	run(t, a, []step{{whole("SELECT 1"), "own"}})
}

func TestUnchosenRecordsGiveNoSpanButAContext(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	run(t, a, []step{
		{whole(setting(1), flagged(FlagUnchosen)), "no span"},
		{whole("SELECT 1"), "under 1"},
		{whole(tagged("SELECT 1", 2), flagged(FlagUnchosen)), "no span"},
		{whole("SELECT 1"), "under 1"},
		{whole("SET @traceparent = NULL", flagged(FlagUnchosen)), "no span"},
		{whole("SELECT 1"), "own"},
		{whole(setting(1), flagged(FlagUnchosen), func(r *Record) { r.ParentSeq = 99 }), "no span"},
		{whole("SELECT 1"), "own"},
	})
	want := RecordCounts{Received: 8, Assembled: 4, Adopted: 2, Noted: 4}
	if diff := cmp.Diff(want, a.Counts()); diff != "" {
		t.Errorf("counts differ (-want +got):\n%s", diff)
	}
	l := &Ledger{Names: []string{"query"}, Records: a.Counts(), Ops: []OpCounts{{Starts: 8, Dones: 8, Paired: 8, Submitted: 8}}}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
}

func TestTheVariableFollowsThePolicy(t *testing.T) {
	unsampled := "SET @traceparent = '" + parentOf(1, "00") + "'"
	for _, test := range []struct {
		name       string
		cfg        AssemblerConfig
		text, want string
	}{
		{"link", AssemblerConfig{Trust: TrustLink}, setting(1), "own linked 1"},
		{"off", AssemblerConfig{Trust: TrustOff}, setting(1), "own"},
		{"unsampled", AssemblerConfig{}, unsampled, "no span"},
		{"unsampled but wanted", AssemblerConfig{Unsampled: true}, unsampled, "under 1"},
		{"unsampled and off", AssemblerConfig{Trust: TrustOff}, unsampled, "own"},
	} {
		t.Run(test.name, func(t *testing.T) {
			run(t, newAssembler(test.cfg), []step{{whole(test.text), test.want}, {whole("SELECT 1"), test.want}})
		})
	}
}

func TestAnExecutionsCommentIsStaleUnlessItsPrepareCameJustBefore(t *testing.T) {
	prepareOf := func(n int, change ...func(*Record)) *Record {
		return whole(tagged("SELECT ?", n), append(change, as(commandPrepare, commandQuery))...)
	}
	execution := func(n int, before uint8, change ...func(*Record)) *Record {
		return whole(tagged("SELECT ?", n), append(change, as(commandExecute, before))...)
	}
	elsewhere := func(r *Record) { r.TID = 9 }
	for _, test := range []struct {
		name  string
		steps []step
		stale uint64
	}{
		{"prepared and executed", []step{
			{prepareOf(1), "under 1"},
			{execution(1, commandPrepare), "under 1"},
		}, 0},
		{"and executed again", []step{
			{prepareOf(1), "under 1"},
			{execution(1, commandPrepare), "under 1"},
			{execution(1, commandExecute), "own linked 1" + stale},
		}, 1},
		{"another statement in between", []step{
			{prepareOf(1), "under 1"},
			{whole("SELECT 2"), "own"},
			{execution(1, commandQuery), "own linked 1" + stale},
		}, 1},
		{"a command in between that is no operation", []step{
			{prepareOf(1), "under 1"},
			{execution(1, commandClose), "own linked 1" + stale},
		}, 1},
		{"another prepare in between", []step{
			{prepareOf(1), "under 1"},
			{prepareOf(2), "under 2"},
			{execution(1, commandPrepare), "own linked 1" + stale},
		}, 1},
		{"a prepare without a context in between", []step{
			{prepareOf(1), "under 1"},
			{whole("SELECT ?, ?", as(commandPrepare, commandQuery)), "own"},
			{execution(1, commandPrepare), "own linked 1" + stale},
		}, 1},
		{"the prepare was not seen", []step{
			{execution(1, commandPrepare), "under 1"},
		}, 0},
		{"the prepare was not seen, an earlier one was", []step{
			{prepareOf(1), "under 1"},
			{whole("SELECT 2", as(commandQuery, commandPrepare)), "own"},
			{execution(2, commandPrepare), "under 2"},
		}, 0},
		{"neither prepare nor command before are known", []step{
			{execution(1, NoCommand), "own linked 1" + stale},
		}, 1},
		{"prepared on another connection of the same thread", []step{
			{prepareOf(1, on(43)), "under 1"},
			{prepareOf(2, elsewhere), "under 2"},
			{execution(2, commandPrepare), "own linked 2" + stale},
		}, 1},
		{"the variable is the parent", []step{
			{whole(setting(3)), "under 3"},
			{execution(1, commandQuery), "under 3 linked 1" + stale},
		}, 1},
		{"the variable says the same", []step{
			{whole(setting(1)), "under 1"},
			{execution(1, commandQuery), "under 1"},
		}, 0},
		{"a query attribute is never stale", []step{
			{execution(1, commandQuery, attribute(parentOf(2, "01"))), "under 2"},
		}, 0},
		{"a text protocol statement is never stale", []step{
			{whole(tagged("SELECT 1", 1), as(commandQuery, commandQuery)), "under 1"},
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(AssemblerConfig{})
			run(t, a, test.steps)
			if got := a.Counts().Stale; got != test.stale {
				t.Errorf("%d stale, want %d", got, test.stale)
			}
		})
	}
}

func TestInnerOperationsOfAPrepareTakeNoNumbers(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	add := func(r *Record, seq uint32) string {
		r.Seq = seq
		a.Reset()
		a.Add(r)
		return fate(a.Spans())
	}
	prepared := whole(tagged("SELECT ?", 2), as(commandPrepare, commandQuery))
	prepared.Entries = []Entry{{Op: opSort, Depth: 1, StartNs: 2000}}
	prepared.RestCount[1] = 3
	add(prepared, 10)
	if got := add(whole(tagged("SELECT ?", 1), as(commandExecute, commandPrepare)), 11); got != "own linked 1"+stale {
		t.Errorf("the execution after it is %s", got)
	}
}

func TestAStaleContextDoesNotDropTheSpan(t *testing.T) {
	unsampled := "SELECT ? /*traceparent='" + parentOf(1, "00") + "'*/"
	run(t, newAssembler(AssemblerConfig{}), []step{
		{whole(unsampled, as(commandExecute, commandQuery)), "own linked 1" + stale},
		{whole(unsampled, as(commandExecute, commandPrepare)), "no span"},
	})
}

func TestStaleContextsFollowThePolicy(t *testing.T) {
	execution := func(before uint8) *Record { return whole(tagged("SELECT ?", 1), as(commandExecute, before)) }
	run(t, newAssembler(AssemblerConfig{Trust: TrustOff}), []step{{execution(commandQuery), "own"}})
	run(t, newAssembler(AssemblerConfig{Trust: TrustLink}), []step{
		{execution(commandPrepare), "own linked 1"},
		{execution(commandQuery), "own linked 1" + stale},
		{whole(setting(2)), "own linked 2"},
		{execution(commandQuery), "own linked 2 linked 1" + stale},
	})
}

func TestAMalformedStaleCommentIsCountedAndDoesNotDecide(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	run(t, a, []step{
		{whole(setting(1)), "under 1"},
		{whole("SELECT ? /*traceparent='x'*/", as(commandExecute, commandQuery)), "under 1"},
	})
	if got := a.Counts(); got.Malformed != 1 || got.Stale != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestConnectionsAreBoundedAndTheOldestUnusedGoes(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	for id := range uint64(maxConnections) {
		a.Add(whole(setting(1), on(id)))
		a.Reset()
	}
	if got := a.Counts().Forgotten; got != 0 {
		t.Fatalf("%d forgotten while there was room", got)
	}
	a.Add(whole(setting(2), on(maxConnections))) // makes the round of the clock
	a.Reset()
	run(t, a, []step{
		{whole("SELECT 1", on(maxConnections)), "under 2"},
		{whole("SELECT 1", on(0)), "own"}, // the first one made room
		{whole("SELECT 1", on(1)), "under 1"},
	})
	a.Add(whole(setting(3), on(maxConnections+1)))
	a.Reset()
	run(t, a, []step{
		{whole("SELECT 1", on(1)), "under 1"}, // in use
		{whole("SELECT 1", on(2)), "own"},
	})
	if got := a.Counts().Forgotten; got != 2 || len(a.connections.ring) != maxConnections || len(a.connections.slots) != maxConnections {
		t.Errorf("%d forgotten, %d remembered", got, len(a.connections.ring))
	}
}

func TestAssemblingDoesNotAllocateInTheSteadyState(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	records := []*Record{
		whole("SELECT 1", bounded(2000)), whole(setting(1)), whole(tagged("SELECT ?", 1), as(commandPrepare, commandQuery)),
		whole(tagged("SELECT ?", 2), as(commandExecute, commandQuery)), whole("SELECT 1", attribute(parentOf(1, "01"))),
		whole(setting(2), flagged(FlagUnchosen)), failed(1062, "23000", "Duplicate entry 'x' for key 'y'"),
	}
	if n := testing.AllocsPerRun(200, func() {
		for _, r := range records {
			a.Add(r)
		}
		a.Reset()
	}); n > 1 { // what Reset publishes
		t.Errorf("%v allocations for %d records", n, len(records))
	}
}
