// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// Layout of the files that build makes: everything in the file is mapped readable
// and executable at base, as it lies there.
const (
	base = 0x400000
	// text is where code begins.
	text = base + 0x1000
)

// program describes a small ELF file.
type program struct {
	machine elf.Machine
	code    map[uint64]string // hexadecimal, by address
	// functions are extents that the table for unwinding knows, in order.
	functions []extent
	sections  []section
	// augmentation and encoding of the entries; "zR" and 0x1b if not set.
	augmentation string
	encoding     byte
	noIndex      bool
	size         uint64 // of the file, more than what is in it
}

// section is a named part of what is mapped.
type section struct {
	name  string
	kind  elf.SectionType
	flags elf.SectionFlag
	extent
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		_ = binary.Write(b, binary.LittleEndian, v) // a bytes.Buffer takes everything
	}
}

// frames puts an index at an address, and what it points to behind it.
func (p *program) frames(at uint64) []byte {
	if p.augmentation == "" {
		p.augmentation, p.encoding = "zR", encodingPCRel|encodingSigned
	}
	var index, entries bytes.Buffer
	first := at + indexHeader + uint64(len(p.functions))*indexEntry
	put(&index, []byte{1, 0x1b, encodingUnsigned, encodingDataRel | encodingSigned}, int32(0), uint32(len(p.functions)))
	common := append([]byte(p.augmentation+"\x00"), 1, 0x78, 16, byte(len(p.augmentation)+4))
	for _, c := range p.augmentation[1:] {
		switch c {
		case 'P':
			common = append(common, 0x9b, 0, 0, 0, 0)
		case 'L':
			common = append(common, 0x1b)
		case 'R':
			common = append(common, p.encoding)
		}
	}
	put(&entries, uint32(len(common)+5), uint32(0), byte(1), common)
	for _, f := range p.functions {
		entry := first + uint64(entries.Len())
		put(&index, int32(f.start-at), int32(entry-at))
		start := uint64(0)
		if p.encoding&0x70 == encodingPCRel {
			start = entry + 8
		}
		if encodedWidth(p.encoding) == 8 {
			put(&entries, uint32(4+16+1), uint32(entry+4-first), f.start-start, f.size, byte(0))
		} else {
			put(&entries, uint32(4+8+1), uint32(entry+4-first), int32(f.start-start), uint32(f.size), byte(0))
		}
	}
	return append(index.Bytes(), entries.Bytes()...)
}

// build makes the file.
func (p *program) build(t testing.TB) *elf.File {
	t.Helper()
	return open(t, p.bytes(t))
}

func open(t testing.TB, raw []byte) *elf.File {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (p *program) bytes(t testing.TB) []byte {
	t.Helper()
	image := make([]byte, max(p.size, 0x4000))
	for address, code := range p.code {
		raw, err := hex.DecodeString(strings.Join(strings.Fields(code), ""))
		if err != nil {
			t.Fatal(err)
		}
		copy(image[address-base:], raw)
	}
	const index = base + 0x3000
	copy(image[index-base:], p.frames(index))
	segments := []elf.Prog64{{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Filesz: uint64(len(image)), Memsz: uint64(len(image)),
	}}
	if !p.noIndex {
		segments = append(segments, elf.Prog64{Type: uint32(elf.PT_GNU_EH_FRAME), Off: index - base, Vaddr: index, Filesz: 0x100})
	}
	names, headers := []byte{0}, []elf.Section64{{}}
	for _, s := range p.sections {
		headers = append(headers, elf.Section64{
			Name: uint32(len(names)), Type: uint32(s.kind), Flags: uint64(s.flags), Addr: s.start, Off: s.start - base, Size: s.size,
		})
		names = append(names, s.name+"\x00"...)
	}
	headers = append(headers, elf.Section64{
		Name: uint32(len(names)), Type: uint32(elf.SHT_STRTAB), Off: uint64(len(image)), Size: uint64(len(names) + 10),
	})
	names = append(names, ".shstrtab\x00"...)
	machine := p.machine
	if machine == 0 {
		machine = elf.EM_X86_64
	}
	var head, tail bytes.Buffer
	put(&head, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: 1,
		Phoff: 64, Shoff: uint64(len(image) + len(names)), Ehsize: 64, Phentsize: 56, Phnum: uint16(len(segments)),
		Shentsize: 64, Shnum: uint16(len(headers)), Shstrndx: uint16(len(headers) - 1),
	}, segments)
	copy(image, head.Bytes())
	put(&tail, names, headers)
	return append(image, tail.Bytes()...)
}

// words are numbers of eight bytes as hexadecimal text.
func words(numbers ...uint64) string {
	var b bytes.Buffer
	put(&b, numbers)
	return hex.EncodeToString(b.Bytes())
}
