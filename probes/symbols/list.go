// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// Functions calls yield with every function of every source until it returns
// false, clones and local functions that share a name included. A name comes
// again with another address only. The order is that of the sources, then that
// of the file. It reads whole symbol tables and keeps their names in memory. An
// error says which sources could not be read; the others were.
func (t *Table) Functions(yield func(Symbol) bool) error {
	return t.list(func(e *elffile.Entry) bool { return e.Kind() == elf.STT_FUNC && t.image.isCode(e.Value) }, yield)
}

// Variables does the same with every variable.
func (t *Table) Variables(yield func(Symbol) bool) error {
	return t.list(func(e *elffile.Entry) bool { return e.Kind() == elf.STT_OBJECT && e.Value != 0 }, yield)
}

func (t *Table) list(wanted func(*elffile.Entry) bool, yield func(Symbol) bool) error {
	type listed struct {
		name    string
		address uint64
	}
	seen, more := make(map[listed]bool), true
	sources := append([]*source{t.section(dynsym, elf.SHT_DYNSYM), t.section(symtab, elf.SHT_SYMTAB)}, t.external()...)
	var errs []error
	for _, s := range sources {
		if s.err == nil && more {
			s.err = s.scan(s, nil, func(e *elffile.Entry) bool {
				key := listed{e.Name, e.Value}
				if !wanted(e) || seen[key] {
					return true
				}
				seen[key] = true
				more = yield(Symbol{Name: e.Name, Address: e.Value, Size: e.Size, Source: s.name})
				return more
			})
		}
		s.close()
		if s.err != nil && !errors.Is(s.err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("list %s: %w", s.name, s.err))
		}
	}
	return errors.Join(errs...)
}
