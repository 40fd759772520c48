// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"errors"
	"fmt"
	"sort"
	"strconv"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// Parse reads the probes of an open ELF file; a file without probes is no
// error. It returns an error where the file is not served ([ErrUnsupported]),
// exceeds the limits ([ErrLimit]), or has a damaged .note.stapsdt, of which no
// part can then be trusted. What is wrong with single notes is in File.Faults,
// with single sites in Site.ArgsErr, with single arguments in Arg.Reason.
//
// elf.NewFile itself does not bound what a hostile file makes it read: open
// such files with [Open], [ParseReaderAt] or elffile.Open. Parse does not close
// f.
func Parse(f *elf.File) (*File, error) {
	if err := supported(f); err != nil {
		return nil, err
	}
	loads, err := loadable(f)
	if err != nil {
		return nil, err
	}
	notes, faults, err := readNotes(f)
	if err != nil {
		return nil, err
	}
	b := builder{
		file:     &File{Machine: f.Machine, Faults: faults},
		segments: loads,
		fixed:    f.Type == elf.ET_EXEC,
		seen:     make(map[string]bool),
	}
	if base := f.Section(".stapsdt.base"); base != nil {
		b.base = base.Addr
	}
	for i := range notes {
		if err := b.add(&notes[i]); err != nil {
			b.file.Faults = append(b.file.Faults, notes[i].fault(err))
		}
	}
	if err := b.arguments(f); err != nil {
		return nil, err
	}
	b.group()
	return b.file, nil
}

func supported(f *elf.File) error {
	if err := elffile.CheckKind(f.Class, f.Data, f.Type, f.Machine); err != nil {
		return err
	}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_EXECINSTR != 0 {
			return fmt.Errorf("code of section %s is not in this file (separate debug file?): %w", s.Name, ErrUnsupported)
		}
	}
	return nil
}

// builder turns notes into sites.
type builder struct {
	file     *File
	segments segments
	base     uint64
	fixed    bool
	seen     map[string]bool
	sites    []namedSite
}

type namedSite struct {
	provider, name string
	Site
}

func (b *builder) add(n *note) error {
	var move uint64
	if b.base != 0 && n.base != 0 {
		move = b.base - n.base
	}
	s := namedSite{provider: n.provider, name: n.name, Site: Site{Address: n.location + move, RawArgs: n.args}}
	var err error
	if s.Offset, s.Instruction, err = b.segments.code(s.Address, b.file.Machine); err != nil {
		return err
	}
	if n.semaphore != 0 {
		// A prelinked file has moved as a whole, so the counter has moved
		// with the code; GDB and SystemTap reckon the same.
		s.SemaphoreAddress = n.semaphore + move
		if s.Semaphore, err = b.segments.semaphore(s.SemaphoreAddress); err != nil {
			return err
		}
	}
	// A second attachment to the same place would count each hit twice.
	key := n.provider + "\x00" + n.name + "\x00" + strconv.FormatUint(s.Address, 16)
	if b.seen[key] {
		return fmt.Errorf("address %#x already has a site of this probe", s.Address)
	}
	b.seen[key] = true
	b.sites = append(b.sites, s)
	return nil
}

// arguments parses the arguments of all sites: once to learn which symbols
// they name, and those that name any a second time with the addresses.
func (b *builder) arguments(f *elf.File) error {
	var table symbols
	var again []*Site
	total := 0
	for i := range b.sites {
		s := &b.sites[i].Site
		named := false
		b.parseArgs(s, func(name string) (uint64, error) {
			named = true
			return table.want(name)
		})
		if total += len(s.Args); total > MaxFileArgs {
			return fmt.Errorf("parse arguments: more than %d in all: %w", MaxFileArgs, ErrLimit)
		}
		if named {
			again = append(again, s)
		}
	}
	if len(again) == 0 {
		return nil
	}
	table.load(f)
	for _, s := range again {
		b.parseArgs(s, table.lookup)
	}
	return nil
}

func (b *builder) parseArgs(s *Site, symbol func(string) (uint64, error)) {
	s.Args, s.ArgsErr = ParseArgs(b.file.Machine, s.RawArgs, &Place{
		Address: s.Address,
		Fixed:   b.fixed,
		Symbol:  symbol,
	})
}

// group gathers the sites of each probe, leaving them in the order of the notes.
func (b *builder) group() {
	sort.SliceStable(b.sites, func(i, j int) bool {
		p := Probe{Provider: b.sites[i].provider, Name: b.sites[i].name}
		return p.before(b.sites[j].provider, b.sites[j].name)
	})
	for i := range b.sites {
		s := &b.sites[i]
		last := len(b.file.Probes) - 1
		if last < 0 || b.file.Probes[last].Provider != s.provider || b.file.Probes[last].Name != s.name {
			b.file.Probes = append(b.file.Probes, Probe{Provider: s.provider, Name: s.name})
			last++
		}
		b.file.Probes[last].Sites = append(b.file.Probes[last].Sites, s.Site)
	}
}

// Err joins the faults of the file; it is nil when every note gave a site.
func (f *File) Err() error {
	errs := make([]error, len(f.Faults))
	for i := range f.Faults {
		errs[i] = f.Faults[i]
	}
	return errors.Join(errs...)
}
