// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
)

// rawRecord lays a record out as the kernel side does.
func rawRecord(event bpf.ProgramsEvent, data string, entries ...bpf.ProgramsEntry) []byte {
	event.Entries = uint16(len(entries))
	event.Used = uint32(len(data) + len(entries)*entrySize)
	b := append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&event)), eventSize)...)
	b = append(b, data...)
	for i := range entries {
		b = append(b, unsafe.Slice((*byte)(unsafe.Pointer(&entries[i])), entrySize)...)
	}
	return b
}

func TestDecodeRecord(t *testing.T) {
	event := bpf.ProgramsEvent{
		StartNs: 10, EndNs: 30, Tgid: 4, Tid: 5, Seq: 6, ParentSeq: 2, Op: 1,
		Flags: uint16(bridge.FlagHasText | bridge.FlagTextCut), TextOffset: 7, TextLength: 9000, Head: 6, Tail: 4,
	}
	event.Values[3] = 77
	event.Strings[1].Offset, event.Strings[1].Length = 0, 4
	event.Strings[2].Offset, event.Strings[2].Length = 4, 3
	raw := rawRecord(event, "shopadaSELECTtail", bpf.ProgramsEntry{Op: 2, Depth: 1, StartNs: 12, DurationNs: 3, Value: 8})
	var r bridge.Record
	if err := decodeRecord(raw, &r); err != nil {
		t.Fatal(err)
	}
	if string(r.Strings[1]) != "shop" || string(r.Strings[2]) != "ada" || string(r.Text) != "SELECT" || string(r.Tail) != "tail" {
		t.Errorf("got %q %q %q %q", r.Strings[1], r.Strings[2], r.Text, r.Tail)
	}
	want := []bridge.Entry{{Op: 2, Depth: 1, StartNs: 12, DurationNs: 3, Value: 8}}
	if diff := cmp.Diff(want, r.Entries); diff != "" {
		t.Errorf("entries differ (-want +got):\n%s", diff)
	}
	if r.Values[3] != 77 || r.TextLength != 9000 || r.Flags != bridge.FlagHasText|bridge.FlagTextCut || r.TID != 5 {
		t.Errorf("got %+v", r)
	}
}

func TestDecodeDetails(t *testing.T) {
	d := bpf.ProgramsDetail{StartNs: 12, Values: [6]uint64{0, 5}, Used: 8}
	for i, c := range "lockitem" {
		d.Text[i] = int8(c)
	}
	d.Names[0].Length = 4
	d.Names[2].Offset, d.Names[2].Length = 4, 4
	raw := rawRecord(bpf.ProgramsEvent{}, "shop", bpf.ProgramsEntry{Op: 2, Depth: 1, StartNs: 12})
	withDetail := func(d bpf.ProgramsDetail) []byte {
		b := append([]byte(nil), raw...)
		e := (*bpf.ProgramsEvent)(unsafe.Pointer(unsafe.SliceData(b)))
		e.Details, e.Used = 1, e.Used+uint32(detailSize)
		return append(b, unsafe.Slice((*byte)(unsafe.Pointer(&d)), detailSize)...)
	}
	var r bridge.Record
	if err := decodeRecord(withDetail(d), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Entries) != 1 || r.Entries[0].StartNs != 12 || len(r.Details) != 1 {
		t.Fatalf("%d entries, %d details", len(r.Entries), len(r.Details))
	}
	got := r.Details[0]
	if got.StartNs != 12 || got.Values[1] != 5 || string(got.Names[0]) != "lock" || string(got.Names[2]) != "item" || len(got.Names[1]) > 0 {
		t.Errorf("got %+v", got)
	}
	d.Names[3].Offset = 320
	d.Names[3].Length = 1
	if decodeRecord(withDetail(d), &r) == nil {
		t.Error("a name outside was accepted")
	}
	short := withDetail(d)
	(*bpf.ProgramsEvent)(unsafe.Pointer(unsafe.SliceData(short))).Details = 200
	if decodeRecord(short, &r) == nil {
		t.Error("details outside were accepted")
	}
}

func TestDecodeRefusesWhatLiesOutside(t *testing.T) {
	for name, spoil := range map[string]func(*bpf.ProgramsEvent){
		"text":    func(e *bpf.ProgramsEvent) { e.Head = 60000 },
		"tail":    func(e *bpf.ProgramsEvent) { e.Tail = 9 },
		"string":  func(e *bpf.ProgramsEvent) { e.Strings[5].Offset = 9 },
		"entries": func(e *bpf.ProgramsEvent) {},
	} {
		var e bpf.ProgramsEvent
		spoil(&e)
		raw := rawRecord(e, "12345678")
		if name == "entries" {
			(*bpf.ProgramsEvent)(unsafe.Pointer(&raw[0])).Entries = 3
		}
		var r bridge.Record
		if err := decodeRecord(raw, &r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var r bridge.Record
	if err := decodeRecord(make([]byte, eventSize-1), &r); err == nil {
		t.Error("a short record was accepted")
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(rawRecord(bpf.ProgramsEvent{Head: 3}, "abc", bpf.ProgramsEntry{Op: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		aligned := make([]uint64, len(b)/8+1)
		sample := unsafe.Slice((*byte)(unsafe.Pointer(&aligned[0])), len(aligned)*8)[:len(b)]
		copy(sample, b)
		var r bridge.Record
		if decodeRecord(sample, &r) == nil && len(r.Text)+len(r.Tail) > len(b) {
			t.Error("text is longer than the record")
		}
	})
}
