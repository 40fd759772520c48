// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

const (
	maxDynamic = 64 << 10 // bytes of the dynamic section
	maxChain   = 4096     // symbols that one lookup looks at
	maxName    = 4096     // bytes of a name that is looked up
)

// errNoHash means that a file has symbols for the loader and no table to find
// them by.
var errNoHash = errors.New("no hash table")

// dynamic is what the loader uses: tables that program headers lead to, so
// that no section header is needed. Fields are virtual addresses, 0 for what
// the file lacks.
type dynamic struct {
	image                *image
	symbols, strings     uint64
	stringsSize          uint64 // bytes
	gnuHash, sysVHash    uint64
	versions, symbolSize uint64
}

// readDynamic returns nil for a file that is linked statically.
func readDynamic(im *image) (*dynamic, error) {
	var segment *elf.Prog
	for _, p := range im.elf.Progs {
		if p.Type == elf.PT_DYNAMIC {
			segment = p
		}
	}
	if segment == nil {
		return nil, nil
	}
	raw := make([]byte, min(segment.Filesz, maxDynamic))
	if _, err := segment.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read dynamic section: %w", err)
	}
	d := &dynamic{image: im}
	fields := map[elf.DynTag]*uint64{
		elf.DT_SYMTAB: &d.symbols, elf.DT_STRTAB: &d.strings, elf.DT_STRSZ: &d.stringsSize,
		elf.DT_GNU_HASH: &d.gnuHash, elf.DT_HASH: &d.sysVHash,
		elf.DT_VERSYM: &d.versions, elf.DT_SYMENT: &d.symbolSize,
	}
	for ; len(raw) >= 16; raw = raw[16:] {
		tag := elf.DynTag(binary.LittleEndian.Uint64(raw))
		if tag == elf.DT_NULL {
			break
		}
		if to := fields[tag]; to != nil {
			*to = binary.LittleEndian.Uint64(raw[8:])
		}
	}
	if d.symbols == 0 || d.strings == 0 || d.symbolSize != elf.Sym64Size {
		return nil, errors.New("the dynamic section names no symbols")
	}
	return d, nil
}

// lookup returns the definition of a name; of several versions the default
// one. A lookup that finds nothing is no error.
func (d *dynamic) lookup(name string) (*elffile.Entry, error) {
	switch {
	case name == "" || len(name) > maxName:
		return nil, nil
	case d.gnuHash != 0:
		return d.lookupGNU(name)
	case d.sysVHash != 0:
		return d.lookupSysV(name)
	}
	return nil, errNoHash
}

// candidate reads the symbol at an index. It is nil unless it defines the name.
func (d *dynamic) candidate(index uint32, name string) (e *elffile.Entry, hidden bool, err error) {
	var raw [elf.Sym64Size]byte
	if err := d.image.read(d.symbols+uint64(index)*elf.Sym64Size, raw[:]); err != nil {
		return nil, false, fmt.Errorf("read symbol %d: %w", index, err)
	}
	e = &elffile.Entry{Sym64: elffile.DecodeSym(&raw), Name: name}
	if !e.Defined() || uint64(e.Sym64.Name)+uint64(len(name)) >= d.stringsSize {
		return nil, false, nil
	}
	text := make([]byte, len(name)+1)
	if err := d.image.read(d.strings+uint64(e.Sym64.Name), text); err != nil {
		return nil, false, fmt.Errorf("read name of symbol %d: %w", index, err)
	}
	if string(text[:len(name)]) != name || text[len(name)] != 0 {
		return nil, false, nil
	}
	if d.versions != 0 {
		var version [2]byte
		if err := d.image.read(d.versions+uint64(index)*2, version[:]); err != nil {
			return nil, false, fmt.Errorf("read version of symbol %d: %w", index, err)
		}
		// The top bit hides a version from all who do not ask for it
		// (Linux Standard Base, symbol versioning).
		hidden = binary.LittleEndian.Uint16(version[:])&0x8000 != 0
	}
	return e, hidden, nil
}

// words reads 32-bit words at an address.
func (d *dynamic) words(address uint64, n int) ([]uint32, error) {
	raw := make([]byte, 4*n)
	if err := d.image.read(address, raw); err != nil {
		return nil, err
	}
	words := make([]uint32, n)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return words, nil
}
