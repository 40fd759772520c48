// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"fmt"
	"sort"
)

// File is what one ELF file says about its probes. It holds no reference to
// the file it came from and is safe for concurrent reading.
type File struct {
	// Machine is elf.EM_X86_64 or elf.EM_AARCH64. It gives the register
	// numbers their meaning.
	Machine elf.Machine
	// Probes is sorted by provider, then name. Each has at least one site.
	Probes []Probe
	// Faults are the notes that gave no site, in the order of the file.
	Faults []Fault
}

// Find returns the probe provider:name, or nil when no usable site has it.
// Both parts are compared exactly.
func (f *File) Find(provider, name string) *Probe {
	i := sort.Search(len(f.Probes), func(i int) bool {
		return !f.Probes[i].before(provider, name)
	})
	if i < len(f.Probes) && f.Probes[i].Provider == provider && f.Probes[i].Name == name {
		return &f.Probes[i]
	}
	return nil
}

// Probe is one provider:name with all the sites it has in one file.
type Probe struct {
	Provider string
	// Name is as in the note: two underscores where DTrace shows a hyphen.
	Name string
	// Sites is in the order of the notes. Sites of one probe often hold
	// their arguments in different places.
	Sites []Site
}

func (p *Probe) before(provider, name string) bool {
	if p.Provider != provider {
		return p.Provider < provider
	}
	return p.Name < name
}

// Site is one place in the machine code where a probe fires.
type Site struct {
	// Address is the virtual address in the file's own layout, moved by the
	// distance between .stapsdt.base and the base in the note. Add the load
	// bias of a process to get its run-time address.
	Address uint64
	// Offset is the file offset of Address in bytes, as uprobes want it.
	Offset uint64
	// Semaphore is the file offset in bytes of the 16-bit counter that must
	// be above zero for the probe to fire; 0 when the site has none.
	Semaphore uint64
	// SemaphoreAddress is the virtual address of the counter, moved as
	// Address is; 0 when the site has none.
	SemaphoreAddress uint64
	// Args has one element per argument, in order. It is nil when the site
	// has none or when ArgsErr is set.
	Args []Arg
	// ArgsErr says why RawArgs could not be split into arguments. The site
	// can still be attached to.
	ArgsErr error
	// RawArgs is the argument string of the note, unchanged.
	RawArgs string
	// Instruction is what the file holds at Offset.
	Instruction Instruction
}

// Fault is a note, or the rest of a note section, that gave no site.
type Fault struct {
	// Section is the name of the note section.
	Section string
	// NoteOffset is the distance in bytes of the note from the start of Section.
	NoteOffset uint64
	// Provider and Name are empty when the note could not be read that far.
	Provider, Name string
	// Err is the reason.
	Err error
}

// Error returns the place, the probe if it is known, and the reason.
func (f Fault) Error() string {
	where := fmt.Sprintf("note at %s+%#x", f.Section, f.NoteOffset)
	if f.Name != "" {
		where += fmt.Sprintf(" (%s:%s)", f.Provider, f.Name)
	}
	return where + ": " + f.Err.Error()
}

// Unwrap returns the reason.
func (f Fault) Unwrap() error { return f.Err }
