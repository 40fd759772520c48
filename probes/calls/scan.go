// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"debug/elf"
	"errors"
	"io"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

const (
	chunk = 1 << 20 // bytes of code that are read at once
	// overlap is how many bytes of a chunk are seen again before the next one:
	// those of an instruction, less one.
	overlap = 15
	maxCode = 1 << 30 // bytes of all code; MySQL's own build has 50 MB
)

// branch is an instruction that goes elsewhere.
type branch struct {
	target uint64
	// jump says that it does not come back, and conditional that it may not go.
	jump, conditional bool
	bySlot            bool // target is a slot, which holds where it goes
}

// machine knows the instructions of a processor.
type machine interface {
	// candidates calls yield for every place in code where an instruction may
	// name one of the targets: with the address of the field that names it.
	candidates(code []byte, address uint64, targets map[uint64]target, yield func(field, target uint64))
	// instructionOf returns the address of the instruction that a byte belongs
	// to, of code that begins at start. The error says what cannot be decoded
	// before it.
	instructionOf(code []byte, start, field uint64) (uint64, error)
	// branch decodes the instruction that code begins with. It is false for
	// everything but branches, and for those to where registers say.
	branch(code []byte, address uint64) (branch, bool)
	// stubs calls yield with every entry of a procedure linkage table, and with the
	// slot that it jumps by.
	stubs(code []byte, address uint64, yield func(entry, slot uint64))
	// longest is that of an instruction in bytes.
	longest() int
	// slotRelocation reports whether a relocation of that type fills a slot with
	// the address of a symbol, or with its addend.
	slotRelocation(kind uint32) (symbol, addend bool)
}

func machineOf(m elf.Machine) machine {
	switch m {
	case elf.EM_X86_64:
		return x86{}
	case elf.EM_AARCH64:
		return arm64{}
	}
	return nil
}

// eachCode reads the executable segments of a file. Chunks overlap at their
// beginning, so that every instruction is in one of them as a whole; what ends in
// an overlap was in the chunk before.
func eachCode(f *elf.File, yield func(code []byte, address uint64)) error {
	buf, all := make([]byte, chunk+overlap), uint64(0)
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Flags&elf.PF_X == 0 {
			continue
		}
		if all += min(p.Filesz, maxCode+1); all > maxCode {
			return refuse("the program has more than %d bytes of code", maxCode)
		}
		kept := 0 // bytes of the chunk before
		for at := uint64(0); at < p.Filesz; {
			n := min(chunk, p.Filesz-at)
			read, err := p.ReadAt(buf[kept:kept+int(n)], int64(at))
			if read < int(n) {
				return errors.Join(errors.New("read code"), err, io.ErrUnexpectedEOF)
			}
			yield(buf[:kept+int(n)], p.Vaddr+at-uint64(kept))
			at += n
			kept = copy(buf, buf[max(0, kept+int(n)-overlap):kept+int(n)])
		}
	}
	return nil
}

// addSlots adds the slots of the global offset table that hold one of the
// functions: by their contents in the file, and by what the loader is told to
// store there.
func (s *search) addSlots() error {
	symbols, err := s.symbolsOf()
	if err != nil {
		return err
	}
	for _, section := range s.file.Sections {
		switch {
		case section.Type == elf.SHT_RELA && section.Flags&elf.SHF_ALLOC != 0:
			err = eachWords(section, 3, func(_ uint64, w []uint64) {
				bySymbol, byAddend := s.machine.slotRelocation(uint32(w[1]))
				switch {
				case bySymbol && symbols[uint32(w[1]>>32)] != 0:
					s.targets[w[0]] = target{symbols[uint32(w[1]>>32)], true}
				case byAddend && s.isFunction(w[2]) && s.within(w[0], isGOT):
					s.targets[w[0]] = target{w[2], true}
				}
			})
		case isGOT(section):
			err = eachWords(section, 1, func(at uint64, w []uint64) {
				if s.isFunction(w[0]) {
					s.targets[section.Addr+at] = target{w[0], true}
				}
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isGOT(s *elf.Section) bool { return s.Name == ".got" || s.Name == ".got.plt" }

// within reports whether an address is in a section of that kind.
func (s *search) within(address uint64, kind func(*elf.Section) bool) bool {
	for _, section := range s.file.Sections {
		if kind(section) && address >= section.Addr && address-section.Addr < section.Size {
			return true
		}
	}
	return false
}

// symbolsOf returns the functions by their indexes in the loader's table of
// symbols.
func (s *search) symbolsOf() (map[uint32]uint64, error) {
	symbols := make(map[uint32]uint64)
	table := elffile.Table(s.file, elf.SHT_DYNSYM)
	if table == nil {
		return symbols, nil
	}
	return symbols, eachWords(table, 3, func(at uint64, w []uint64) {
		if s.isFunction(w[1]) && w[0]>>48 != uint64(elf.SHN_UNDEF) {
			symbols[uint32(at/elf.Sym64Size)] = w[1]
		}
	})
}

// addStubs adds the entries of the procedure linkage table that lead to one of
// the functions by their slots.
func (s *search) addStubs() error {
	for _, section := range s.file.Sections {
		if !isStubs(section) {
			continue
		}
		code, err := contents(section)
		if err != nil {
			return err
		}
		s.machine.stubs(code, section.Addr, func(entry, slot uint64) {
			if t, ok := s.targets[slot]; ok && t.slot {
				s.targets[entry] = target{function: t.function}
			}
		})
	}
	return nil
}

func isStubs(s *elf.Section) bool {
	switch s.Name {
	case ".plt", ".plt.sec", ".plt.got":
		return s.Flags&elf.SHF_EXECINSTR != 0
	}
	return false
}
