// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Layout of the files that build makes: everything in the file is mapped
// readable and executable at code, and there is zeroed writable memory at data.
const (
	code, data = 0x400000, 0x10000000
	dataSize   = 0x1000
)

// program describes a small ELF file. Addresses of functions are relative to
// code, those of variables to data.
type program struct {
	exported []sym // .dynsym
	all      []sym // .symtab
	sysV     bool  // DT_HASH instead of .gnu.hash
	noHash   bool
	versions bool
	buildID  string // raw bytes
	link     string // .gnu_debuglink
	crc      uint32
}

type sym struct {
	name    string
	address uint64
	size    uint64
	kind    elf.SymType // STT_FUNC if not set: there is no use for STT_NOTYPE
	noType  bool
	local   bool
	undef   bool
	hidden  bool // another version than the default one
}

func (s *sym) entry(name uint32) elf.Sym64 {
	kind, bind, base, section := s.kind, elf.STB_GLOBAL, uint64(code), uint16(1)
	switch {
	case s.noType:
		kind = elf.STT_NOTYPE
	case kind == elf.STT_NOTYPE:
		kind = elf.STT_FUNC
	case kind == elf.STT_OBJECT:
		base = data
	case kind == elf.STT_TLS:
		base = 0
	}
	if s.local {
		bind = elf.STB_LOCAL
	}
	if s.undef {
		section, base = 0, 0
	}
	return elf.Sym64{Name: name, Info: elf.ST_INFO(bind, kind), Shndx: section, Value: base + s.address, Size: s.size}
}

// section is a part of the file.
type section struct {
	name  string
	kind  elf.SectionType
	link  uint32
	data  []byte
	tag   elf.DynTag // that gives its address, 0 for none
	first uint64     // file offset, set by build
}

func table(symbols []sym) (entries, names []byte) {
	var b bytes.Buffer
	names = []byte{0}
	put(&b, elf.Sym64{})
	for i := range symbols {
		put(&b, symbols[i].entry(uint32(len(names))))
		names = append(names, symbols[i].name+"\x00"...)
	}
	return b.Bytes(), names
}

func put(b *bytes.Buffer, v any) {
	_ = binary.Write(b, binary.LittleEndian, v) // a bytes.Buffer takes everything
}

// bucketsFor and bloomsFor are about what linkers choose.
func bucketsFor(symbols []sym) uint32 { return uint32(max(3, len(symbols)/4)) }

func bloomsFor(symbols []sym) uint32 {
	n := uint32(2)
	for n < uint32(len(symbols)/4) {
		n *= 2
	}
	return n
}

// gnuTable sorts the symbols as the format wants them and makes the table.
func gnuTable(symbols []sym) []byte {
	count := bucketsFor(symbols)
	slices.SortStableFunc(symbols, func(a, b sym) int {
		if a.undef != b.undef { // those that are not in the table come first
			if a.undef {
				return -1
			}
			return 1
		}
		return int(gnuHash(a.name)%count) - int(gnuHash(b.name)%count)
	})
	const shift = 6
	blooms := bloomsFor(symbols)
	bloom := make([]uint64, blooms)
	buckets := make([]uint32, count)
	var chain []uint32
	offset := uint32(1)
	for i, s := range symbols {
		if s.undef {
			offset++
			continue
		}
		h := gnuHash(s.name)
		bloom[h/64%blooms] |= 1<<(h%64) | 1<<(h>>shift%64)
		if buckets[h%count] == 0 {
			buckets[h%count] = uint32(i) + 1
		}
		last := i+1 == len(symbols) || gnuHash(symbols[i+1].name)%count != h%count
		word := h &^ 1
		if last {
			word |= 1
		}
		chain = append(chain, word)
	}
	var b bytes.Buffer
	put(&b, []uint32{count, offset, blooms, shift})
	put(&b, bloom)
	put(&b, buckets)
	put(&b, chain)
	return b.Bytes()
}

func sysVTable(symbols []sym) []byte {
	count := bucketsFor(symbols)
	buckets := make([]uint32, count)
	chain := make([]uint32, len(symbols)+1)
	for i, s := range symbols {
		at := sysVHash(s.name) % count
		chain[i+1], buckets[at] = buckets[at], uint32(i)+1
	}
	var b bytes.Buffer
	put(&b, []uint32{count, uint32(len(chain))})
	put(&b, buckets)
	put(&b, chain)
	return b.Bytes()
}

func (p *program) sections() []*section {
	var all []*section
	add := func(s *section) { all = append(all, s) }
	if len(p.exported) > 0 {
		exported := slices.Clone(p.exported)
		hash := &section{name: ".gnu.hash", kind: elf.SHT_GNU_HASH, tag: elf.DT_GNU_HASH, data: gnuTable(exported)}
		if p.sysV {
			hash = &section{name: ".hash", kind: elf.SHT_HASH, tag: elf.DT_HASH, data: sysVTable(exported)}
		}
		entries, names := table(exported)
		add(&section{name: ".dynsym", kind: elf.SHT_DYNSYM, tag: elf.DT_SYMTAB, data: entries, link: 2})
		add(&section{name: ".dynstr", kind: elf.SHT_STRTAB, tag: elf.DT_STRTAB, data: names})
		if !p.noHash {
			add(hash)
		}
		if p.versions {
			v := []byte{0, 0}
			for _, s := range exported {
				v = append(v, 2, map[bool]byte{true: 0x80}[s.hidden])
			}
			add(&section{name: ".gnu.version", kind: elf.SHT_GNU_VERSYM, tag: elf.DT_VERSYM, data: v})
		}
	}
	if len(p.all) > 0 {
		entries, names := table(p.all)
		add(&section{name: ".symtab", kind: elf.SHT_SYMTAB, data: entries, link: uint32(len(all)) + 2})
		add(&section{name: ".strtab", kind: elf.SHT_STRTAB, data: names})
	}
	if p.buildID != "" {
		var b bytes.Buffer
		put(&b, []uint32{4, uint32(len(p.buildID)), 3})
		b.WriteString("GNU\x00" + p.buildID)
		add(&section{name: ".note.gnu.build-id", kind: elf.SHT_NOTE, data: b.Bytes()})
	}
	if p.link != "" {
		b := append([]byte(p.link), 0)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		add(&section{name: ".gnu_debuglink", kind: elf.SHT_PROGBITS, data: binary.LittleEndian.AppendUint32(b, p.crc)})
	}
	return all
}

func (p *program) build() []byte {
	const progs = 3
	sections := p.sections()
	body := make([]byte, 64+progs*56)
	var dynamic []elf.Dyn64
	place := func(s *section) {
		for len(body)%8 != 0 {
			body = append(body, 0)
		}
		s.first = uint64(len(body))
		body = append(body, s.data...)
	}
	for _, s := range sections {
		place(s)
		if s.tag != 0 {
			dynamic = append(dynamic, elf.Dyn64{Tag: int64(s.tag), Val: code + s.first})
		}
		if s.tag == elf.DT_STRTAB {
			dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_STRSZ), Val: uint64(len(s.data))})
		}
	}
	dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_SYMENT), Val: elf.Sym64Size}, elf.Dyn64{})
	var b bytes.Buffer
	put(&b, dynamic)
	dyn := &section{name: ".dynamic", kind: elf.SHT_DYNAMIC, data: b.Bytes()}
	place(dyn)
	sections = append(sections, dyn)
	return p.headers(body, sections, dyn)
}

func (p *program) headers(body []byte, sections []*section, dyn *section) []byte {
	names, headers := []byte{0}, []elf.Section64{{}}
	sections = append(sections, &section{name: ".shstrtab", kind: elf.SHT_STRTAB})
	for _, s := range sections {
		headers = append(headers, elf.Section64{Name: uint32(len(names)), Type: uint32(s.kind), Link: s.link, Off: s.first, Size: uint64(len(s.data))})
		names = append(names, s.name+"\x00"...)
	}
	last := &headers[len(headers)-1]
	last.Off, last.Size = uint64(len(body)), uint64(len(names))
	body = append(body, names...)
	// Room for the functions.
	body = append(body, make([]byte, 0x4000)...)
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: 64, Shoff: uint64(len(body)), Ehsize: 64,
		Phentsize: 56, Phnum: 3, Shentsize: 64, Shnum: uint16(len(headers)), Shstrndx: uint16(len(headers) - 1),
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	progs := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: code, Filesz: uint64(len(body)), Memsz: uint64(len(body))},
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Vaddr: data, Memsz: dataSize},
		{Type: uint32(elf.PT_NULL)},
	}
	if len(p.exported) > 0 {
		progs[2] = elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Flags: uint32(elf.PF_R), Off: dyn.first, Vaddr: code + dyn.first, Filesz: uint64(len(dyn.data)), Memsz: uint64(len(dyn.data))}
	}
	var front, back bytes.Buffer
	put(&front, h)
	put(&front, progs)
	put(&back, headers)
	copy(body, front.Bytes())
	return append(body, back.Bytes()...)
}

// open opens the program without other sources.
func (p *program) open(t testing.TB) *Table {
	t.Helper()
	table, err := Open(bytes.NewReader(p.build()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// system is a folder that stands for the file system of a process.
type system string

func (s system) write(t testing.TB, path string, content []byte) {
	t.Helper()
	path = filepath.Join(string(s), path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// table writes the program to /usr/sbin/server and opens it.
func (s system) table(t testing.TB, p *program, opts Options) *Table {
	t.Helper()
	const path = "/usr/sbin/server"
	if _, err := os.Stat(filepath.Join(string(s), path)); err != nil {
		s.write(t, path, p.build())
	}
	f, err := s.open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	opts.Path, opts.Open = path, s.open
	table, err := Open(f, opts)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func (s system) open(path string) (*os.File, error) { return os.Open(filepath.Join(string(s), path)) }
