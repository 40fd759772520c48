// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
)

// pendingRecord is a record of what is open, with room for strings.
func pendingRecord(change func(*bpf.ProgramsEvent)) []byte {
	record := make([]byte, eventSize+24)
	change(eventOf(record))
	return record
}

func TestWhatIsOpenInTheKernelEndsWhereItWasRead(t *testing.T) {
	began := pendingRecord(func(e *bpf.ProgramsEvent) { e.StartNs, e.Seq, e.Used = 1000, 1, 16 })
	ended := pendingRecord(func(e *bpf.ProgramsEvent) { e.Seq = 2 })
	later := pendingRecord(func(e *bpf.ProgramsEvent) { e.StartNs, e.Seq = 1<<63, 3 })
	all := endNow([][]byte{ended, began, later})
	if len(all) != 1 {
		t.Fatalf("%d records", len(all))
	}
	var r bridge.Record
	if err := decodeRecord(all[0], &r); err != nil {
		t.Fatal(err)
	}
	if r.Seq != 1 || r.Flags != bridge.FlagUnfinished || time.Duration(r.EndNs) < time.Millisecond {
		t.Errorf("record %+v", r)
	}
}

func TestWhatBelongsIntoAStatementIsNotToldByItself(t *testing.T) {
	var s Session
	s.table.Store(&[]*bridge.Operation{{Name: "process", InKernel: true}, {Name: "sync", InKernel: true, Inline: true}})
	for _, test := range []struct {
		op              uint16
		around          uint32
		ofThread, byKey bool
	}{
		{0, 0, true, true}, {1, 7, true, false},
		{1, 0, false, false}, // half of a record
		{2, 0, false, false}, // nobody knows the operation
	} {
		e := bpf.ProgramsEvent{Op: test.op, ParentSeq: test.around, StartNs: 1000}
		if ofThread, byKey := s.tellsOfThread(&e), s.tellsByKey(&e); ofThread != test.ofThread || byKey != test.byKey {
			t.Errorf("%+v: of a thread %v, by key %v", test, ofThread, byKey)
		}
	}
}

func TestWhatTheKernelDoesIsInsideOfWhatIsOpen(t *testing.T) {
	const step, stage, sync = 0, 1, 2
	var s Session
	s.table.Store(&[]*bridge.Operation{{Name: "step", Inline: true}, {Name: "stage", Inline: true, Sequence: true}, {Name: "sync", InKernel: true, Inline: true}})
	const unfinished = bridge.FlagUnfinished
	r := bridge.Record{TID: 8, Seq: 1, StartNs: 1000, EndNs: 9000, Entries: []bridge.Entry{
		{Op: step, Depth: 1, StartNs: 1100, DurationNs: 5},
		{Op: step, Depth: 2, StartNs: 3000, DurationNs: 6000, Flags: unfinished},
		{Op: step, Depth: 1, StartNs: 2000, DurationNs: 7000, Flags: unfinished},
		{Op: stage, Depth: 1, StartNs: 1500, DurationNs: 7500, Flags: unfinished},
	}}
	s.addInside(&r, []*bridge.Record{
		{Op: sync, TID: 8, ParentSeq: 1, StartNs: 5000, Values: [bridge.MaxValues]uint64{51, 52}},
		{Op: sync, TID: 8, ParentSeq: 1, StartNs: 4000},
		{Op: sync, TID: 8, ParentSeq: 2, StartNs: 4000}, // of another statement
		{Op: sync, TID: 9, ParentSeq: 1, StartNs: 4000}, // of another thread
		{Op: sync, TID: 8, ParentSeq: 1, StartNs: 9001}, // it began after the statement was read
	})
	want := []bridge.Entry{
		{Op: step, Depth: 1, StartNs: 1100, DurationNs: 5},
		{Op: sync, Depth: 4, StartNs: 5000, DurationNs: 4000, Flags: unfinished, Value: 51, More: [bridge.MoreValues]uint64{52}},
		{Op: sync, Depth: 3, StartNs: 4000, DurationNs: 5000, Flags: unfinished},
		{Op: step, Depth: 2, StartNs: 3000, DurationNs: 6000, Flags: unfinished},
		{Op: step, Depth: 1, StartNs: 2000, DurationNs: 7000, Flags: unfinished},
		{Op: stage, Depth: 1, StartNs: 1500, DurationNs: 7500, Flags: unfinished},
	}
	if diff := cmp.Diff(want, r.Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	for range bridge.MaxEntries {
		s.addInside(&r, []*bridge.Record{{Op: sync, TID: 8, ParentSeq: 1, StartNs: 5000}})
	}
	if len(r.Entries) != bridge.MaxEntries {
		t.Errorf("%d entries", len(r.Entries))
	}
}
