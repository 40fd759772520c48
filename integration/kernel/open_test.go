// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

const open = "start s:SELECT_1 8 42 s:shop s:alice 0"

// drained stops the session and returns what it delivers at its end.
func (o *observer) drained() []record {
	o.t.Helper()
	if err := o.session.Drain(); err != nil {
		o.t.Fatal(err)
	}
	all := o.records()
	var r bridge.Record
	if err := o.session.Next(&r); !errors.Is(err, io.EOF) {
		o.t.Errorf("after the last record: %v", err)
	}
	return all
}

func TestKernelTellsWhatIsOpenAtTheEnd(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	f.do(open, "step_start 7", "step_done 0", "step_start 8", "step_start 9", open, "phase_start")
	time.Sleep(20 * time.Millisecond)
	all := o.drained()
	var ops []string
	for _, r := range all {
		ops = append(ops, r.op)
		if r.Flags&(bridge.FlagUnfinished|bridge.FlagFailed) != bridge.FlagUnfinished {
			t.Errorf("%s has flags %#x", r.op, r.Flags)
		}
		if d := time.Duration(r.EndNs - r.StartNs); d < 20*time.Millisecond || d > time.Minute {
			t.Errorf("%s was open for %v", r.op, d)
		}
	}
	if diff := cmp.Diff([]string{"phase", "query", "query"}, ops); diff != "" {
		t.Fatalf("the inner ones first (-want +got):\n%s", diff)
	}
	outer, inner := all[2], all[1]
	if inner.ParentSeq != outer.Seq || inner.texts["text"] != "SELECT_1" || len(inner.Entries) != 0 {
		t.Errorf("inner query %+v", inner)
	}
	texts := map[string]string{"text": "SELECT_1", "tail": "", "namespace": "shop", "user": "alice"}
	if diff := cmp.Diff(texts, outer.texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	if outer.values["connection"] != 42 || int(outer.TGID) != f.cmd.Process.Pid || outer.TID != outer.TGID {
		t.Errorf("outer query %+v", outer)
	}
	if diff := cmp.Diff([]uint64{7, 9, 8}, outer.entryValues()); diff != "" {
		t.Fatalf("entries (-want +got):\n%s", diff)
	}
	for i, depth := range []uint16{1, 2, 1} {
		e := outer.Entries[i]
		if isOpen := e.Flags&bridge.FlagUnfinished != 0; isOpen != (i > 0) || e.Depth != depth {
			t.Errorf("entry %+v", e)
		}
		if i > 0 && e.StartNs+e.DurationNs != outer.EndNs {
			t.Errorf("entry %+v lasts longer than the operation, until %d", e, outer.EndNs)
		}
	}
	if c := o.counts("query"); c.Open != 2 || c.Unfinished != 2 || c.Submitted != 0 {
		t.Errorf("counts %+v", c)
	}
}

// TestKernelTellsOnceWhatIsOpen ends the process after the session has taken what
// was open, while the kernel side still looks.
func TestKernelTellsOnceWhatIsOpen(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	f.do(open)
	if err := o.session.Drain(); err != nil {
		t.Fatal(err)
	}
	f.stop()
	eventually(t, "the process has ended", func() bool { return o.counts("query").Abandoned == 1 })
	if r := o.one(); r.texts["text"] != "SELECT_1" {
		t.Errorf("record %+v", r)
	}
	if c := o.counts("query"); c.Unfinished != 1 {
		t.Errorf("counts %+v", c)
	}
}

// TestKernelTellsOnceWhatIsOpenAsItsProcessDies kills processes while the session takes what is open.
func TestKernelTellsOnceWhatIsOpenAsItsProcessDies(t *testing.T) {
	path := compileFixture(t, "probes.c")
	var fixtures []*fixture
	for range 24 {
		fixtures = append(fixtures, startFixture(t, path))
	}
	o := observe(t, fixtures[0], fixtureProfile, probes.Config{})
	for _, f := range fixtures {
		f.do(open)
	}
	go func() {
		for _, f := range fixtures {
			f.cmd.Process.Kill()
		}
	}()
	records := make(map[uint32]int)
	for _, f := range fixtures {
		records[uint32(f.cmd.Process.Pid)] = 0
	}
	all := o.drained()
	for _, r := range all {
		records[r.TGID]++
	}
	for _, f := range fixtures {
		f.stop()
	}
	if o.eachOnce(records) {
		o.unfinished(all, "query")
	}
}

// eachOnce checks that there is one record of each, but of those at whose end the kernel ran
// no program, which it counts. It reports whether it always did.
func (o *observer) eachOnce(records map[uint32]int) bool {
	o.t.Helper()
	none, missed := uint64(0), o.session.Missed()
	for id, n := range records {
		if n > 1 {
			o.t.Errorf("%d records of %d", n, id)
		} else if n == 0 {
			none++
		}
	}
	if none > missed {
		o.t.Errorf("no record of %d, and no program was run at %d hits", none, missed)
	}
	return missed == 0
}

func TestKernelTellsWhatEndsWithItsThread(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	// Whoever asked for long ones, and for none at all, wants to know of these.
	o := observe(t, f, fixtureProfile, probes.Config{MinDuration: time.Hour, Sample: 1e-9})
	f.do("thread")
	r := o.one()
	if want := bridge.FlagUnfinished | bridge.FlagFailed | bridge.FlagHasText; r.Flags != want {
		t.Errorf("flags %#x, want %#x", r.Flags, want)
	}
	if r.texts["text"] != "left open" || r.texts["namespace"] != "db" || int(r.TGID) != f.cmd.Process.Pid || r.TID == r.TGID {
		t.Errorf("record %+v", r)
	}
	if len(r.Entries) != 1 || r.Entries[0].Flags != bridge.RecordFlags(bridge.FlagUnfinished) || r.Entries[0].Value != 1 {
		t.Errorf("entries %+v", r.Entries)
	}
}

// TestKernelTellsWhatIsOpenHoweverDeep has more open than there are record
// buffers, with more data than the kernel's iterator has room for.
func TestKernelTellsWhatIsOpenHoweverDeep(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	cfg := probes.Config{}
	cfg.TextHead = 32 << 10
	o := observe(t, f, fixtureProfile, cfg)
	for range 20 {
		f.do("start rep:9000 9000 42 s:shop s:alice 0")
	}
	f.do("step_start 3")
	all := o.drained()
	if len(all) != 16 {
		t.Fatalf("got %d records", len(all))
	}
	for i, r := range all {
		// The innermost one with a buffer has it.
		if level, n := 16-i, len(r.texts["text"]); n != map[bool]int{true: 9000}[level == 4] || (n == 0) != (r.Flags&bridge.FlagNoText != 0) {
			t.Errorf("level %d: a text of %d bytes, flags %#x", level, n, r.Flags)
		}
	}
}
