// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var ignoreCode = cmpopts.IgnoreFields(Site{}, "Instruction")

func TestSitesAreGroupedByProbeWithTheirOwnArgumentsAndSemaphores(t *testing.T) {
	second := notes(noteSpec{textAddr + 8, 0, dataAddr + 6, "a", "two", "8@%rdi"})
	f := parseImage(t, image{sections: []testSection{
		notes(
			noteSpec{textAddr, 0, dataAddr + 4, "b", "one", ""},
			noteSpec{textAddr + 4, 0, 0, "a", "two", "-4@$1"},
		),
		second, // linkers keep notes of different groups in sections of one name
	}})
	want := &File{Machine: elf.EM_X86_64, Probes: []Probe{
		{Provider: "a", Name: "two", Sites: []Site{
			{Address: textAddr + 4, Offset: textOff + 4, RawArgs: "-4@$1", Args: []Arg{{Kind: Const, Size: 4, Signed: true, Disp: 1, Text: "-4@$1"}}},
			{Address: textAddr + 8, Offset: textOff + 8, Semaphore: dataOff + 6, SemaphoreAddress: dataAddr + 6, RawArgs: "8@%rdi",
				Args: []Arg{{Kind: InRegister, Size: 8, Base: RDI, Text: "8@%rdi"}}},
		}},
		{Provider: "b", Name: "one", Sites: []Site{
			{Address: textAddr, Offset: textOff, Semaphore: dataOff + 4, SemaphoreAddress: dataAddr + 4},
		}},
	}}
	if diff := cmp.Diff(want, f, ignoreCode); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := f.Find("a", "two"); p == nil || len(p.Sites) != 2 {
		t.Errorf("Find(a, two) = %v", p)
	}
	if p := f.Find("a", "twp"); p != nil {
		t.Errorf("Find(a, twp) = %v", p)
	}
}

func TestAFileWithoutProbesIsNoError(t *testing.T) {
	f := parseImage(t, image{})
	if len(f.Probes) != 0 || f.Err() != nil {
		t.Errorf("got %v", f)
	}
}

func TestLocationAndSemaphoreMoveWithTheBase(t *testing.T) {
	const noteBase = 0x7000
	for _, c := range []struct {
		name           string
		fileBase, base uint64
		move           uint64
	}{
		{"the base section has moved up", noteBase + 0x10, noteBase, 0x10},
		{"the base section has moved down", noteBase - 0x10, noteBase, ^uint64(0xf)},
		{"the base section is where the note says", noteBase, noteBase, 0},
		{"there is no base section", 0, noteBase, 0},
		{"the note has no base", noteBase, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := parseImage(t, image{base: c.fileBase, sections: []testSection{
				notes(noteSpec{textAddr + 0x20 - c.move, c.base, dataAddr + 0x10 - c.move, "p", "n", ""}),
			}})
			p := f.Find("p", "n")
			if p == nil {
				t.Fatalf("no site: %v", f.Err())
			}
			want := Site{Address: textAddr + 0x20, Offset: textOff + 0x20, Semaphore: dataOff + 0x10, SemaphoreAddress: dataAddr + 0x10}
			if diff := cmp.Diff(want, p.Sites[0], ignoreCode); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotesThatGiveNoSiteAreFaults(t *testing.T) {
	good := noteSpec{textAddr, 0, 0, "p", "good", ""}
	change := func(f func(*noteSpec)) []byte {
		n := noteSpec{textAddr + 1, 0, 0, "p", "bad", ""}
		f(&n)
		return n.encode()
	}
	for _, c := range []struct {
		name string
		note []byte
		want string
	}{
		{"a location outside the file", change(func(n *noteSpec) { n.location = 0x10 }), "in no segment"},
		{"a location in data", change(func(n *noteSpec) { n.location = dataAddr }), "not in an executable segment"},
		{"a location at the end of the segment", change(func(n *noteSpec) { n.location = textAddr + textLen }), "in no segment"},
		{"a location at the end of the address space", change(func(n *noteSpec) { n.location = ^uint64(0) }), "in no segment"},
		{"a semaphore in code", change(func(n *noteSpec) { n.semaphore = textAddr }), "want writable and not executable"},
		{"a semaphore in memory that the file does not hold", change(func(n *noteSpec) { n.semaphore = dataAddr + dataLen }), "in no segment"},
		{"a semaphore half in the file", change(func(n *noteSpec) { n.semaphore = dataAddr + dataLen - 1 }), "fewer than 2 bytes"},
		{"a semaphore at an odd address", change(func(n *noteSpec) { n.semaphore = dataAddr + 1 }), "not aligned"},
		{"a second site of the probe at an address", good.encode(), "already has a site"},
		{"no name", change(func(n *noteSpec) { n.name = "" }), "empty provider or name"},
		{"a name too long", change(func(n *noteSpec) { n.name = strings.Repeat("n", MaxName+1) }), "more than 256"},
		{"arguments too long", change(func(n *noteSpec) { n.args = strings.Repeat("n", MaxArgText+1) }), "more than"},
		{"a descriptor without addresses", rawNote(noteOwner, noteType, make([]byte, 23), 4), "too short"},
		{"a descriptor without strings", rawNote(noteOwner, noteType, make([]byte, 24), 4), "provider is not terminated"},
		{"a descriptor too long", rawNote(noteOwner, noteType, append(noteSpec{textAddr + 1, 0, 0, "p", "bad", ""}.desc(), make([]byte, maxDesc)...), 4), "bytes, more than"},
		{"a name without end", rawNote(noteOwner, noteType, append(make([]byte, 24), "p\x00name"...), 4), "name is not terminated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := notes(good)
			s.data = append(s.data, c.note...)
			s.data = append(s.data, noteSpec{textAddr + 2, 0, 0, "p", "after", ""}.encode()...)
			f := parseImage(t, image{sections: []testSection{s}})
			if len(f.Faults) != 1 || !strings.Contains(f.Faults[0].Error(), c.want) {
				t.Errorf("faults %v, want one with %q", f.Faults, c.want)
			}
			if f.Find("p", "good") == nil || f.Find("p", "after") == nil {
				t.Errorf("sound notes are missing: %v", f.Probes)
			}
			if got := f.Faults[0].NoteOffset; got != uint64(len(good.encode())) {
				t.Errorf("fault at %#x", got)
			}
		})
	}
}

func TestSemaphoresMustBeInWritableData(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags elf.ProgFlag
		sites int
	}{
		{"writable", elf.PF_R | elf.PF_W, 1},
		{"read-only", elf.PF_R, 0},
		{"writable and executable", elf.PF_R | elf.PF_W | elf.PF_X, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := parseImage(t, image{dataProg: c.flags, sections: []testSection{notes(noteSpec{textAddr, 0, dataAddr, "p", "n", ""})}})
			if len(f.Probes) != c.sites || len(f.Faults) != 1-c.sites {
				t.Errorf("got %v, faults %v", f.Probes, f.Faults)
			}
		})
	}
}

func TestArgumentsThatCannotBeSplitLeaveTheSite(t *testing.T) {
	f := parseImage(t, image{sections: []testSection{notes(noteSpec{textAddr, 0, 0, "p", "n", "8@[rbp - 8] DWORD"})}})
	s := f.Find("p", "n").Sites[0]
	if s.ArgsErr == nil || s.Args != nil || s.RawArgs != "8@[rbp - 8] DWORD" {
		t.Errorf("got %+v", s)
	}
}

func TestSegmentsThatOverlapAreRefused(t *testing.T) {
	raw := image{sections: []testSection{notes(noteSpec{textAddr, 0, 0, "p", "n", ""})}}.build(t)
	binary.LittleEndian.PutUint64(raw[64+56+16:], textAddr-8) // p_vaddr of the data segment
	f, err := ParseReaderAt(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Probes) != 0 || f.Err() == nil || !strings.Contains(f.Err().Error(), "in two segments") {
		t.Errorf("got %v, %v", f.Probes, f.Err())
	}
}

func TestOtherNotesArePassedOver(t *testing.T) {
	s := notes(noteSpec{textAddr, 0, 0, "p", "n", ""})
	s.data = bytes.Join([][]byte{
		rawNote("GNU\x00", 3, make([]byte, 20), 4),
		rawNote("stapsdx\x00", noteType, make([]byte, 40), 4),
		rawNote(noteOwner, 4, make([]byte, 40), 4),
		rawNote("", 1, nil, 4),
		s.data,
		rawNote("odd", 1, []byte{1}, 4),
	}, nil)
	f := parseImage(t, image{sections: []testSection{s}})
	if f.Find("p", "n") == nil || f.Err() != nil {
		t.Errorf("got %v, %v", f.Probes, f.Err())
	}
}

func TestNotesInOtherSectionsAreFound(t *testing.T) {
	n := notes(noteSpec{textAddr, 0, 0, "p", "n", "1@%al"})
	n.name = ".notes"
	wide := testSection{name: ".note.gnu.property", kind: elf.SHT_NOTE, align: 8, data: append(
		rawNote("GNU\x00", 5, make([]byte, 12), 8),
		rawNote(noteOwner, noteType, noteSpec{textAddr, 0, 0, "p", "wide", ""}.desc(), 8)...)}
	damaged := testSection{name: ".note.other", kind: elf.SHT_NOTE, align: 4, data: []byte{1, 2, 3, 4, 5}}
	f := parseImage(t, image{sections: []testSection{wide, n, damaged}})
	if f.Find("p", "n") == nil || f.Find("p", "wide") == nil {
		t.Errorf("got %v", f.Probes)
	}
	if len(f.Faults) != 1 || f.Faults[0].Section != ".note.other" {
		t.Errorf("faults %v", f.Faults)
	}
}

func TestInstructionsAreClassified(t *testing.T) {
	for _, c := range []struct {
		name    string
		machine elf.Machine
		code    []byte
		want    InstructionKind
	}{
		{"the nop of sys/sdt.h", elf.EM_X86_64, []byte{0x90, 0x55}, Nop1},
		{"a five-byte nop", elf.EM_X86_64, []byte{0x0f, 0x1f, 0x44, 0, 0, 0x55}, Nop5},
		{"a ten-byte nop", elf.EM_X86_64, []byte{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}, Nop10},
		{"a push", elf.EM_X86_64, []byte{0x55}, OtherInstruction},
		{"the nop of arm64", elf.EM_AARCH64, []byte{0x1f, 0x20, 0x03, 0xd5}, NopARM64},
		{"x86 code in an arm64 file", elf.EM_AARCH64, []byte{0x90}, OtherInstruction},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := parseImage(t, image{machine: c.machine, code: c.code, sections: []testSection{notes(noteSpec{textAddr, 0, 0, "p", "n", ""})}})
			got := f.Find("p", "n").Sites[0].Instruction
			if got.Kind != c.want || len(got.Bytes) != maxInstruction || !bytes.HasPrefix(got.Bytes, c.code) {
				t.Errorf("got %v % x, want %v", got.Kind, got.Bytes, c.want)
			}
		})
	}
}

func TestFilesThatAreNotServedAreRefused(t *testing.T) {
	n := notes(noteSpec{textAddr, 0, 0, "p", "n", ""})
	patch := func(at int, b ...byte) func([]byte) []byte {
		return func(raw []byte) []byte { copy(raw[at:], b); return raw }
	}
	damaged := n
	damaged.data = append(append([]byte(nil), n.data...), 8, 0, 0, 0, 0xff, 0xff)
	for _, c := range []struct {
		name   string
		image  image
		change func([]byte) []byte
		want   error
	}{
		{"a 32-bit file", image{}, patch(elf.EI_CLASS, 1), ErrUnsupported},
		{"a big-endian file", image{}, patch(elf.EI_DATA, 2), ErrUnsupported},
		{"another machine", image{machine: elf.EM_RISCV}, nil, ErrUnsupported},
		{"an object file", image{kind: elf.ET_REL}, nil, ErrUnsupported},
		{"a core", image{kind: elf.ET_CORE}, nil, ErrUnsupported},
		{"a separate debug file", image{sections: []testSection{{name: ".text", kind: elf.SHT_NOBITS, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR}}}, nil, ErrUnsupported},
		{"notes without bytes", image{sections: []testSection{{name: noteSection, kind: elf.SHT_NOBITS}}}, nil, ErrUnsupported},
		{"compressed notes", image{sections: []testSection{{name: noteSection, kind: elf.SHT_NOTE, flags: elf.SHF_COMPRESSED, data: make([]byte, 64)}}}, nil, ErrUnsupported},
		{"a script", image{}, func([]byte) []byte { return []byte("#!/bin/sh\n") }, ErrNotELF},
		{"an empty file", image{}, func([]byte) []byte { return nil }, ErrNotELF},
		{"extended section numbers", image{}, patch(60, 0, 0), ErrLimit},
		{"section headers of a strange size", image{}, patch(58, 0xff, 0xff), ErrUnsupported},
		{"program headers of a strange size", image{}, patch(54, 0xff, 0xff), ErrUnsupported},
		{"a file that is cut in the header", image{}, func(raw []byte) []byte { return raw[:40] }, nil},
		{"a file that is cut in the sections", image{}, func(raw []byte) []byte { return raw[:len(raw)-70] }, nil},
		{"a note section that is cut", image{sections: []testSection{damaged}}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := c.image.build(t)
			if c.change != nil {
				raw = c.change(raw)
			}
			f, err := ParseReaderAt(bytes.NewReader(raw))
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("got %v, %v, want %v", f, err, c.want)
			}
		})
	}
}
