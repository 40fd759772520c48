// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"
)

// Layout of the files that build makes: code at textAddr and counters at
// dataAddr, neither at an address equal to its file offset.
const (
	textAddr, textOff, textLen = 0x401000, 0x200, 0x40
	dataAddr, dataOff, dataLen = 0x602000, 0x240, 0x20
	restOff                    = 0x260
)

// image describes a small ELF file. The zero value but for kind is a valid
// file with code and data segments and no notes.
type image struct {
	kind     elf.Type // ET_EXEC if zero
	machine  elf.Machine
	base     uint64 // address of .stapsdt.base; no such section if zero
	code     []byte // padded with one-byte nops to textLen
	textProg elf.ProgFlag
	dataProg elf.ProgFlag
	sections []testSection
	symbols  []testSymbol
	dynamic  bool // symbols in .dynsym, not .symtab
}

type testSection struct {
	name  string
	kind  elf.SectionType
	flags elf.SectionFlag
	align uint64
	data  []byte
	link  uint32
}

type testSymbol struct {
	name    string
	address uint64
	kind    elf.SymType
	section elf.SectionIndex // the first section if zero, none if undefined
}

const undefined = elf.SHN_XINDEX

// noteSpec is a stapsdt note.
type noteSpec struct {
	location, base, semaphore uint64
	provider, name, args      string
}

// notes encodes a section of stapsdt notes.
func notes(specs ...noteSpec) testSection {
	var b bytes.Buffer
	for _, s := range specs {
		b.Write(s.encode())
	}
	return testSection{name: noteSection, kind: elf.SHT_NOTE, align: 4, data: b.Bytes()}
}

func (s noteSpec) encode() []byte { return rawNote(noteOwner, noteType, s.desc(), 4) }

func (s noteSpec) desc() []byte {
	var d []byte
	for _, w := range []uint64{s.location, s.base, s.semaphore} {
		d = binary.LittleEndian.AppendUint64(d, w)
	}
	return append(d, s.provider+"\x00"+s.name+"\x00"+s.args+"\x00"...)
}

func rawNote(owner string, kind uint32, desc []byte, align int) []byte {
	var b []byte
	for _, w := range []uint32{uint32(len(owner)), uint32(len(desc)), kind} {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	b = pad(append(b, owner...), align)
	return pad(append(b, desc...), align)
}

func pad(b []byte, align int) []byte {
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

func (m image) build(t testing.TB) []byte {
	t.Helper()
	m.kind = or(m.kind, elf.ET_EXEC)
	m.machine = or(m.machine, elf.EM_X86_64)
	sections := m.allSections()
	var names bytes.Buffer
	names.WriteByte(0)
	body := make([]byte, restOff)
	copy(body[textOff:textOff+textLen], bytes.Repeat([]byte{0x90}, textLen))
	copy(body[textOff:textOff+textLen], m.code)
	headers := []elf.Section64{{}}
	add := func(s testSection, offset, size uint64) {
		headers = append(headers, elf.Section64{
			Name: uint32(names.Len()), Type: uint32(s.kind), Flags: uint64(s.flags), Link: s.link,
			Addralign: s.align, Off: offset, Size: size,
		})
		names.WriteString(s.name + "\x00")
	}
	for _, s := range sections {
		body = pad(body, 8)
		if s.name == ".stapsdt.base" {
			add(s, uint64(len(body)), 1)
			headers[len(headers)-1].Addr = m.base
			continue
		}
		add(s, uint64(len(body)), uint64(len(s.data)))
		body = append(body, s.data...)
	}
	names.WriteString(".shstrtab\x00")
	headers = append(headers, elf.Section64{
		Name: uint32(names.Len() - len(".shstrtab\x00")), Type: uint32(elf.SHT_STRTAB),
		Off: uint64(len(body)), Size: uint64(names.Len()),
	})
	body = pad(append(body, names.Bytes()...), 8)
	return m.headers(t, body, headers)
}

func (m image) allSections() []testSection {
	sections := append([]testSection(nil), m.sections...)
	if m.base != 0 {
		sections = append(sections, testSection{name: ".stapsdt.base", kind: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC, align: 1})
	}
	if len(m.symbols) == 0 {
		return sections
	}
	table, kind := []byte{0}, elf.SHT_SYMTAB
	var entries bytes.Buffer
	entries.Write(make([]byte, elf.Sym64Size))
	for _, s := range m.symbols {
		if s.section == undefined {
			s.section = elf.SHN_UNDEF
		} else {
			s.section = or(s.section, 1)
		}
		y := elf.Sym64{Name: uint32(len(table)), Info: byte(s.kind), Shndx: uint16(s.section), Value: s.address}
		_ = binary.Write(&entries, binary.LittleEndian, y) // a bytes.Buffer takes everything
		table = append(table, s.name+"\x00"...)
	}
	if m.dynamic {
		kind = elf.SHT_DYNSYM
	}
	return append(sections,
		testSection{name: "symbols", kind: kind, align: 8, data: entries.Bytes(), link: uint32(len(sections) + 2)},
		testSection{name: "strings", kind: elf.SHT_STRTAB, align: 1, data: table})
}

func (m image) headers(t testing.TB, body []byte, sections []elf.Section64) []byte {
	t.Helper()
	progs := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(or(m.textProg, elf.PF_R|elf.PF_X)), Off: textOff, Vaddr: textAddr, Filesz: textLen, Memsz: textLen},
		{Type: uint32(elf.PT_LOAD), Flags: uint32(or(m.dataProg, elf.PF_R|elf.PF_W)), Off: dataOff, Vaddr: dataAddr, Filesz: dataLen, Memsz: dataLen + 0x100},
	}
	h := elf.Header64{
		Type: uint16(m.kind), Machine: uint16(m.machine), Version: 1, Phoff: 64, Shoff: uint64(len(body)), Ehsize: 64,
		Phentsize: 56, Phnum: uint16(len(progs)), Shentsize: 64, Shnum: uint16(len(sections)), Shstrndx: uint16(len(sections) - 1),
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	var front, back bytes.Buffer
	for _, part := range []struct {
		to   *bytes.Buffer
		data any
	}{{&front, h}, {&front, progs}, {&back, sections}} {
		if err := binary.Write(part.to, binary.LittleEndian, part.data); err != nil {
			t.Fatal(err)
		}
	}
	if front.Len() > textOff {
		t.Fatal(fmt.Errorf("headers take %d bytes", front.Len()))
	}
	copy(body, front.Bytes())
	return append(body, back.Bytes()...)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func parseImage(t testing.TB, m image) *File {
	t.Helper()
	f, err := ParseReaderAt(bytes.NewReader(m.build(t)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
