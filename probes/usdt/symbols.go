// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// symbols finds the addresses of a few wanted symbols. Symbol and string
// tables of servers run to tens of megabytes, so both are streamed and only
// the wanted names are kept.
type symbols struct {
	wanted map[string]*symbol
	bytes  int
	err    error // why the tables could not be searched
}

type symbol struct {
	address          uint64
	found, ambiguous bool
}

// want notes a symbol to be found by load. It has the signature of
// Place.Symbol, so that a first reading of all arguments collects the names.
func (s *symbols) want(name string) (uint64, error) {
	if s.wanted == nil {
		s.wanted = make(map[string]*symbol)
	}
	if s.wanted[name] == nil && s.bytes+len(name) <= maxWantedBytes {
		s.bytes += len(name)
		s.wanted[name] = new(symbol)
	}
	return 0, errors.New("symbol not looked up yet")
}

// lookup returns the address of a symbol after load. It refuses a name that
// stands for several addresses, as static variables of several C files may.
func (s *symbols) lookup(name string) (uint64, error) {
	y := s.wanted[name]
	switch {
	case y == nil:
		return 0, fmt.Errorf("look up %s: symbol names longer than %d bytes in all: %w", name, maxWantedBytes, ErrLimit)
	case y.ambiguous:
		return 0, fmt.Errorf("look up %s: several symbols have this name", name)
	case y.found:
		return y.address, nil
	case s.err != nil:
		return 0, fmt.Errorf("look up %s: %w", name, s.err)
	}
	return 0, fmt.Errorf("look up %s: not in the file's symbol tables", name)
}

// load searches the file's first .symtab and first .dynsym.
func (s *symbols) load(f *elf.File) {
	done := map[elf.SectionType]bool{}
	for _, section := range f.Sections {
		if t := section.Type; (t == elf.SHT_SYMTAB || t == elf.SHT_DYNSYM) && !done[t] {
			done[t] = true
			if err := s.loadTable(f, section); err != nil {
				s.err = errors.Join(s.err, fmt.Errorf("search %s: %w", section.Name, err))
			}
		}
	}
}

func (s *symbols) loadTable(f *elf.File, table *elf.Section) error {
	if table.Link == 0 || uint64(table.Link) >= uint64(len(f.Sections)) {
		return fmt.Errorf("string table %d does not exist", table.Link)
	}
	names := f.Sections[table.Link]
	if err := readable(table, maxSymbolTable); err != nil {
		return err
	}
	if err := readable(names, maxStringTable); err != nil {
		return err
	}
	offsets, err := s.nameOffsets(names)
	if err != nil || len(offsets) == 0 {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(table.ReaderAt, 0, int64(table.FileSize)), 1<<16)
	var entry [elf.Sym64Size]byte
	for n := table.FileSize / elf.Sym64Size; n > 0; n-- {
		if _, err := io.ReadFull(r, entry[:]); err != nil {
			return fmt.Errorf("read symbol: %w", err)
		}
		name, ok := offsets[binary.LittleEndian.Uint32(entry[0:])]
		if ok && defines(entry[:]) {
			s.wanted[name].define(binary.LittleEndian.Uint64(entry[8:]))
		}
	}
	return nil
}

func readable(s *elf.Section, limit uint64) error {
	switch {
	case s.Type == elf.SHT_NOBITS, s.Flags&elf.SHF_COMPRESSED != 0, s.ReaderAt == nil:
		return fmt.Errorf("section %s has no plain bytes in the file: %w", s.Name, ErrUnsupported)
	case s.FileSize > limit:
		return fmt.Errorf("section %s of %d bytes, more than %d: %w", s.Name, s.FileSize, limit, ErrLimit)
	}
	return nil
}

// defines reports whether a symbol table entry is an object or a function
// with an address in this file.
func defines(entry []byte) bool {
	index := elf.SectionIndex(binary.LittleEndian.Uint16(entry[6:]))
	if index == elf.SHN_UNDEF || index == elf.SHN_ABS || index == elf.SHN_COMMON {
		return false
	}
	switch elf.ST_TYPE(entry[4]) {
	case elf.STT_NOTYPE, elf.STT_OBJECT, elf.STT_FUNC:
		return true
	}
	return false
}

func (y *symbol) define(address uint64) {
	y.ambiguous = y.ambiguous || (y.found && y.address != address)
	y.address, y.found = address, true
}

// nameOffsets finds where the wanted names begin in a string table. Linkers
// let a name share the end of a longer one, so the end of every string is
// compared. A version (foo@@GLIBC_2.2.5) is left out.
func (s *symbols) nameOffsets(table *elf.Section) (map[uint32]string, error) {
	var ends suffixTree
	for name := range s.wanted {
		ends.insert(name)
	}
	offsets := make(map[uint32]string)
	r := bufio.NewReaderSize(io.NewSectionReader(table.ReaderAt, 0, int64(table.FileSize)), 1<<16)
	for at := 0; ; {
		text, err := r.ReadSlice(0)
		n := len(text)
		if err == nil {
			text, _, _ = bytes.Cut(text[:n-1], []byte("@"))
			ends.find(text, func(i int, name string) { offsets[uint32(at+i)] = name })
		}
		switch {
		case errors.Is(err, io.EOF):
			return offsets, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull): // a string above 64 KiB is no symbol
			return nil, fmt.Errorf("read section %s: %w", table.Name, err)
		case len(offsets) > maxWantedOffset:
			return nil, fmt.Errorf("section %s repeats the same names: %w", table.Name, ErrLimit)
		}
		at += n
	}
}

// suffixTree holds names from their last byte to their first.
type suffixTree struct {
	next map[byte]*suffixTree
	name string
}

func (t *suffixTree) insert(name string) {
	for i := len(name) - 1; i >= 0; i-- {
		if t.next == nil {
			t.next = make(map[byte]*suffixTree)
		}
		if t.next[name[i]] == nil {
			t.next[name[i]] = new(suffixTree)
		}
		t = t.next[name[i]]
	}
	t.name = name
}

// find calls found with every inserted name that text ends with and where in
// text it begins.
func (t *suffixTree) find(text []byte, found func(i int, name string)) {
	for i := len(text) - 1; i >= 0; i-- {
		if t = t.next[text[i]]; t == nil {
			return
		}
		if t.name != "" {
			found(i, t.name)
		}
	}
}
