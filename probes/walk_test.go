// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	endian "encoding/binary"
	"io"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
)

// memoryAt is a piece of memory that begins at an address.
type memoryAt struct {
	address uint64
	data    []byte
}

func (m memoryAt) ReadAt(to []byte, at int64) (int, error) {
	from := uint64(at) - m.address
	if from >= uint64(len(m.data)) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(to, m.data[from:])
	if n < len(to) {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

const usedOffset = int(unsafe.Offsetof(bpf.ProgramsEvent{}.Used))

const session = 0x7f0000001000

// sessionMemory has at its beginning: a number of 4 bytes, -2; a pointer to a text
// with a NUL; a pointer to one without, and its length; a null pointer.
func sessionMemory() memoryAt {
	data := make([]byte, 256)
	endian.NativeEndian.PutUint32(data, uint32(0xfffffffe))
	endian.NativeEndian.PutUint64(data[8:], session+64)
	endian.NativeEndian.PutUint64(data[16:], session+96)
	endian.NativeEndian.PutUint64(data[24:], 8)
	copy(data[64:], "shop\x00rest")
	copy(data[96:], "SELECT 1")
	return memoryAt{session, data}
}

// from is a chain of loads from what the start has captured in slot 1.
func from(size uint8, offsets ...int32) bpf.ProgramsArg {
	arg := bpf.ProgramsArg{Kind: argSaved, Base: 1, Size: size, Loads: uint8(len(offsets))}
	copy(arg.Offsets[:], offsets)
	return arg
}

func TestAnOpenOperationIsReadInTheMemoryOfItsServer(t *testing.T) {
	signed := from(4, 0)
	signed.IsSigned = 1
	added := from(8, 8)
	added.Add = 2
	captures := []bpf.ProgramsCapture{
		{Type: captureInt, Slot: 2, Arg: signed},
		{Type: captureInt, Slot: 3, Arg: from(4, 0)},
		{Type: captureInt, Slot: 4, Arg: from(8, 40, 1)},
		{Type: captureInt, Slot: 5, Arg: from(8, 24), Flags: captureEquals, Max: 8},
		{Type: captureInt, Slot: 6, Arg: from(8, 24)}, // which is known
		{Type: captureInt, Slot: 7, Arg: from(8, 8000)},
		{Type: captureString, Slot: 0, Max: 64, Arg: from(8, 8)},
		{Type: captureString, Slot: 1, Max: 3, Arg: added},
		{Type: captureText, Arg: from(8, 16), Length: from(8, 24)},
	}
	r := &bridge.Record{Flags: bridge.FlagNoText}
	r.Values[1], r.Values[6] = session, 77
	w := walker{memory: sessionMemory(), textHead: 4096}
	w.complete(r, captures)
	minusTwo := int64(-2)
	for slot, want := range map[int]uint64{2: uint64(minusTwo), 3: 0xfffffffe, 4: 0, 5: 1, 6: 77, 7: 0} {
		if r.Values[slot] != want {
			t.Errorf("value %d is %#x, want %#x", slot, r.Values[slot], want)
		}
	}
	if string(r.Strings[0]) != "shop" || string(r.Strings[1]) != "op" {
		t.Errorf("strings %q", r.Strings)
	}
	if string(r.Text) != "SELECT 1" || r.TextLength != 8 || r.Flags != bridge.FlagHasText {
		t.Errorf("text %q of %d, flags %#x", r.Text, r.TextLength, r.Flags)
	}
}

func TestALongTextOfAnOpenOperationIsCut(t *testing.T) {
	for _, length := range []bpf.ProgramsArg{from(8, 24), {}} {
		r := &bridge.Record{}
		r.Values[1] = session
		w := walker{memory: sessionMemory(), textHead: 5}
		w.complete(r, []bpf.ProgramsCapture{{Type: captureText, Arg: from(8, 16), Length: length}})
		if string(r.Text) != "SELEC" || r.Flags != bridge.FlagHasText|bridge.FlagTextCut {
			t.Errorf("text %q, flags %#x", r.Text, r.Flags)
		}
	}
}

// FuzzWalk reads whatever is in the memory of a server, by whatever captures.
func FuzzWalk(f *testing.F) {
	f.Add(sessionMemory().data, []byte{captureText, 0, 0, 2, 16, 8, 24})
	f.Add(bytes.Repeat([]byte{0xff}, 200), []byte{captureString, 3, 255, 4, 1, 2, 3})
	f.Fuzz(func(t *testing.T, memory, program []byte) {
		var captures []bpf.ProgramsCapture
		for ; len(program) >= 7 && len(captures) < bpf.MaxCaptures; program = program[7:] {
			arg := from(program[3], int32(program[4]), int32(int8(program[5])))
			captures = append(captures, bpf.ProgramsCapture{
				Type: program[0] % 4, Slot: program[1], Max: uint16(program[2]), Arg: arg, Length: from(8, int32(program[6])),
			})
		}
		r := &bridge.Record{}
		r.Values[1] = session
		w := walker{memory: memoryAt{session, memory}, textHead: 64}
		w.complete(r, captures)
		if len(r.Text) > 64 {
			t.Errorf("a text of %d bytes", len(r.Text))
		}
		for _, s := range r.Strings {
			if len(s) > bpf.MaxString || strings.ContainsRune(string(s), 0) {
				t.Errorf("string %q", s)
			}
		}
	})
}

func TestRecordsOfWhatIsOpenAreTakenApart(t *testing.T) {
	one := make([]byte, eventSize+3)
	endian.NativeEndian.PutUint32(one[usedOffset:], 3)
	all, err := splitRecords(append(bytes.Clone(one), one...))
	if err != nil || len(all) != 2 || len(all[1]) != eventSize+3 {
		t.Errorf("%d records: %v", len(all), err)
	}
	for _, cut := range []int{1, eventSize - 1, eventSize, eventSize + 2} {
		if _, err := splitRecords(one[:cut]); err == nil {
			t.Errorf("%d bytes are a record", cut)
		}
	}
	endian.NativeEndian.PutUint32(one[usedOffset:], math.MaxUint32)
	if _, err := splitRecords(one); err == nil {
		t.Error("a record of 4 GiB is one")
	}
}
