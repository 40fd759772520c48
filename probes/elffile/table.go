// SPDX-License-Identifier: Apache-2.0

package elffile

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Greatest sizes in bytes of the tables that are read. MySQL's own build with
// all symbols has 12 and 40 MiB.
const (
	MaxSymbolTable = 64 << 20
	MaxStringTable = 128 << 20

	maxOffsets = 1 << 16 // places in a string table at which wanted names stand
	maxString  = 1 << 16 // bytes; a longer string is no symbol
)

// Entry is an entry of a symbol table.
type Entry struct {
	elf.Sym64
	// Name is the name that was asked for.
	Name string
	// Suffix is what follows it in the name of a clone, such as ".part.0";
	// empty for the symbol itself.
	Suffix string
}

// Kind is the type of the symbol.
func (e *Entry) Kind() elf.SymType { return elf.ST_TYPE(e.Info) }

// Defined reports whether the entry has an address in this file.
func (e *Entry) Defined() bool {
	switch elf.SectionIndex(e.Shndx) {
	case elf.SHN_UNDEF, elf.SHN_ABS, elf.SHN_COMMON:
		return false
	}
	return true
}

// Table returns the first section of that type, nil if there is none.
func Table(f *elf.File, kind elf.SectionType) *elf.Section {
	for _, s := range f.Sections {
		if s.Type == kind {
			return s
		}
	}
	return nil
}

// Search calls found with the entries of a symbol table that have one of the
// names, and with their clones, until it returns false. Symbol and string tables of servers run to
// tens of megabytes, so both are streamed. Errors wrap [ErrUnsupported] or
// [ErrLimit], or are those of reading.
func Search(f *elf.File, table *elf.Section, names *Names, found func(Entry) bool) error {
	texts, err := stringsOf(f, table)
	if err != nil {
		return err
	}
	at, err := names.offsets(texts)
	if err != nil || len(at) == 0 {
		return err
	}
	return eachEntry(table, func(sym elf.Sym64) bool {
		named, ok := at[sym.Name]
		return !ok || found(Entry{Sym64: sym, Name: named.name, Suffix: named.suffix})
	})
}

// Each calls yield with every named entry of a symbol table until it returns
// false. It takes memory for the whole string table; the names together are at
// most twice as long. Errors are those of [Search].
func Each(f *elf.File, table *elf.Section, yield func(Entry) bool) error {
	section, err := stringsOf(f, table)
	if err != nil {
		return err
	}
	texts := make([]byte, section.FileSize)
	if _, err := section.ReaderAt.ReadAt(texts, 0); err != nil {
		return fmt.Errorf("read section %s: %w", section.Name, noEOF(err))
	}
	left := 2 * len(texts) // bytes of names: a hostile file may let all symbols share a long one
	err = eachEntry(table, func(sym elf.Sym64) bool {
		if uint64(sym.Name) >= uint64(len(texts)) {
			return true
		}
		text := texts[sym.Name:]
		text = text[:min(len(text), maxString)]
		end := bytes.IndexByte(text, 0)
		if left -= max(end, 0); end < 0 {
			left -= len(text) // they were looked at
		}
		if end <= 0 || left < 0 {
			return left >= 0
		}
		name, _, _ := bytes.Cut(text[:end], []byte("@"))
		return yield(Entry{Sym64: sym, Name: string(name)})
	})
	if err == nil && left < 0 {
		return fmt.Errorf("section %s repeats long names: %w", section.Name, ErrLimit)
	}
	return err
}

// stringsOf checks a symbol table and returns the section with its names.
func stringsOf(f *elf.File, table *elf.Section) (*elf.Section, error) {
	if table.Link == 0 || uint64(table.Link) >= uint64(len(f.Sections)) {
		return nil, fmt.Errorf("string table %d does not exist", table.Link)
	}
	texts := f.Sections[table.Link]
	if err := readable(table, MaxSymbolTable); err != nil {
		return nil, err
	}
	return texts, readable(texts, MaxStringTable)
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

func eachEntry(table *elf.Section, yield func(elf.Sym64) bool) error {
	r := bufio.NewReaderSize(io.NewSectionReader(table.ReaderAt, 0, int64(table.FileSize)), 1<<16)
	var raw [elf.Sym64Size]byte
	for n := table.FileSize / elf.Sym64Size; n > 0; n-- {
		if _, err := io.ReadFull(r, raw[:]); err != nil {
			return fmt.Errorf("read symbol: %w", err)
		}
		if !yield(DecodeSym(&raw)) {
			return nil
		}
	}
	return nil
}

// DecodeSym reads an entry of a symbol table.
func DecodeSym(raw *[elf.Sym64Size]byte) elf.Sym64 {
	return elf.Sym64{
		Name: binary.LittleEndian.Uint32(raw[0:]), Info: raw[4], Other: raw[5],
		Shndx: binary.LittleEndian.Uint16(raw[6:]),
		Value: binary.LittleEndian.Uint64(raw[8:]), Size: binary.LittleEndian.Uint64(raw[16:]),
	}
}

// named is what stands at a place of a string table.
type named struct{ name, suffix string }

// offsets finds where the wanted names begin in a string table. Linkers let a
// name share the end of a longer one, so the end of every string is compared.
// Clones are looked for at the beginning of strings only.
func (n *Names) offsets(table *elf.Section) (map[uint32]named, error) {
	at := make(map[uint32]named)
	r := bufio.NewReaderSize(io.NewSectionReader(table.ReaderAt, 0, int64(table.FileSize)), maxString)
	for pos := 0; ; {
		text, err := r.ReadSlice(0)
		size := len(text)
		if err == nil {
			text, _, _ = bytes.Cut(text[:size-1], []byte("@"))
			if name, suffix, ok := n.clone(text); ok {
				at[uint32(pos)] = named{name, suffix}
			}
			n.ends.find(text, func(i int, name string) { at[uint32(pos+i)] = named{name: name} })
		}
		switch {
		case errors.Is(err, io.EOF):
			return at, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read section %s: %w", table.Name, err)
		case len(at) > maxOffsets:
			return nil, fmt.Errorf("section %s repeats the same names: %w", table.Name, ErrLimit)
		}
		pos += size
	}
}
