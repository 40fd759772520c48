// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"debug/elf"
	"slices"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// Symbol is a function or a variable.
type Symbol struct {
	Name string
	// Address is the virtual address in the file's own layout. Add the load
	// bias of a process to get its run-time address.
	Address uint64
	// Size in bytes; 0 if it is not known, as for functions written in
	// assembler. From a symbol file it is the distance to the next symbol, so
	// it includes what pads the function.
	Size uint64
	// Source is where the symbol was found: ".dynsym", ".symtab", or the path
	// of a debug or symbol file.
	Source string
}

// finding is what one name stands for. It is what the cache keeps.
type finding struct {
	Function *place   `json:"function,omitempty"`
	Object   *place   `json:"object,omitempty"`
	Refused  string   `json:"refused,omitempty"` // what a symbol that is neither is
	Clones   []string `json:"clones,omitempty"`  // full names
}

// place is where a symbol is.
type place struct {
	Address uint64 `json:"address"`
	Size    uint64 `json:"size"`
	Source  string `json:"source"`
	Local   bool   `json:"local,omitempty"`
	// Several says that several symbols of that name have other addresses.
	Several bool `json:"several,omitempty"`
}

func (f *finding) empty() bool { return f.Function == nil && f.Object == nil && f.Refused == "" }

// maxClones is how many clones of a function an error names.
const maxClones = 4

// add takes in an entry of a symbol table whose address is in the file.
func (f *finding) add(e *elffile.Entry, source string) {
	if e.Suffix != "" {
		name := e.Name + e.Suffix
		if len(f.Clones) < maxClones && !slices.Contains(f.Clones, name) {
			f.Clones = append(f.Clones, name)
		}
		return
	}
	p := &place{Address: e.Value, Size: e.Size, Source: source, Local: elf.ST_BIND(e.Info) == elf.STB_LOCAL}
	switch e.Kind() {
	case elf.STT_FUNC:
		f.Function = f.Function.merge(p)
	case elf.STT_OBJECT:
		f.Object = f.Object.merge(p)
	case elf.STT_GNU_IFUNC:
		f.Refused = "an indirect function, whose address is that of the code that chooses an implementation"
	case elf.STT_TLS:
		f.Refused = "a thread-local variable, which has no address of its own"
	default:
		f.Refused = "a symbol of no type"
	}
}

// merge prefers what other files see. Static functions of several source files
// may share a name: none of them is the one that was meant.
func (p *place) merge(other *place) *place {
	switch {
	case p == nil || p.Local && !other.Local:
		return other
	case !p.Local && other.Local:
		return p
	case p.Address != other.Address:
		p.Several = true
	case p.Size < other.Size:
		p.Size = other.Size
	}
	return p
}
