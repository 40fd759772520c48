// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"debug/elf"
	"fmt"
	"os"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// proof holds the lines of a symbol file against .dynsym of the file that it
// is said to describe.
type proof struct {
	addresses map[string]uint64 // of what .dynsym defines; see several
	several   map[string]bool   // names with several versions: they prove nothing
	total     int               // names in addresses at the beginning
	same      int               // of them, with the same address in the file
	wrong     int               // with another one
	example   string            // of a name with another address
}

// newProof reads all of .dynsym. It takes about a hundred bytes a symbol.
func (t *Table) newProof() (*proof, error) {
	table := elffile.Table(t.image.elf, elf.SHT_DYNSYM)
	if table == nil {
		return nil, fmt.Errorf("hold it against %s: %w", dynsym, os.ErrNotExist)
	}
	p := &proof{addresses: make(map[string]uint64), several: make(map[string]bool)}
	err := elffile.Each(t.image.elf, table, func(e elffile.Entry) bool {
		if !e.Defined() || elf.ST_BIND(e.Info) == elf.STB_LOCAL {
			return true
		}
		if _, ok := p.addresses[e.Name]; ok {
			p.several[e.Name] = true
		}
		p.addresses[e.Name] = e.Value
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("hold it against %s: %w", dynsym, err)
	}
	for name := range p.several {
		delete(p.addresses, name)
	}
	p.several, p.total = nil, len(p.addresses)
	return p, nil
}

// maxWrong ends the reading of a file that is of another build.
const maxWrong = 100

// hold compares a symbol if it is exported. Each name counts once.
func (p *proof) hold(l *nmLine) error {
	if !l.exported() {
		return nil
	}
	address, ok := p.addresses[string(l.name)]
	switch {
	case !ok:
		return nil
	case address == l.address:
		p.same++
		delete(p.addresses, string(l.name))
		return nil
	}
	if p.example == "" {
		p.example = string(l.name)
	}
	if p.wrong++; p.wrong >= maxWrong {
		return p.judge()
	}
	return nil
}

// judge returns why the file cannot be used.
func (p *proof) judge() error {
	switch {
	case p.wrong > 0:
		return fmt.Errorf("%w: %d of %d exported symbols have another address, such as %s",
			errForeign, p.wrong, p.wrong+p.same, p.example)
	case p.same < minProof || p.same*100 < p.total*minShare:
		return fmt.Errorf("%w for certain: it has %d of %d exported symbols", errForeign, p.same, p.total)
	}
	return nil
}
