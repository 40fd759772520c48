// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// symbols finds the addresses of a few wanted symbols in one search.
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
	names := elffile.NewNames(slices.Collect(maps.Keys(s.wanted)))
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		table := elffile.Table(f, kind)
		if table == nil {
			continue
		}
		err := elffile.Search(f, table, names, func(e elffile.Entry) bool {
			if e.Suffix == "" && e.Defined() && holdsAddress(e.Kind()) {
				s.wanted[e.Name].define(e.Value)
			}
			return true
		})
		if err != nil {
			s.err = errors.Join(s.err, fmt.Errorf("search %s: %w", table.Name, err))
		}
	}
}

// holdsAddress reports whether the value of a symbol of this type is an
// address.
func holdsAddress(kind elf.SymType) bool {
	return kind == elf.STT_NOTYPE || kind == elf.STT_OBJECT || kind == elf.STT_FUNC
}

func (y *symbol) define(address uint64) {
	y.ambiguous = y.ambiguous || (y.found && y.address != address)
	y.address, y.found = address, true
}
