// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
)

// segments are the loadable parts of a file, which relate its virtual
// addresses to its bytes.
type segments []*elf.Prog

func loadable(f *elf.File) (segments, error) {
	var s segments
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			s = append(s, p)
		}
	}
	if len(s) > maxSegments {
		return nil, fmt.Errorf("read program headers: %d loadable segments, more than %d: %w", len(s), maxSegments, ErrLimit)
	}
	return s, nil
}

// find returns the segment whose bytes in the file hold n bytes at address,
// and how far into the segment they are.
func (s segments) find(address, n uint64) (*elf.Prog, uint64, error) {
	var found *elf.Prog
	for _, p := range s {
		if address < p.Vaddr || address-p.Vaddr >= p.Filesz {
			continue
		}
		if found != nil {
			return nil, 0, fmt.Errorf("address %#x is in two segments", address)
		}
		found = p
	}
	if found == nil {
		return nil, 0, fmt.Errorf("address %#x is in no segment's part of the file", address)
	}
	into := address - found.Vaddr
	if found.Filesz-into < n {
		return nil, 0, fmt.Errorf("address %#x: fewer than %d bytes to the end of its segment", address, n)
	}
	return found, into, nil
}

// code returns the file offset of an instruction and its bytes.
func (s segments) code(address uint64, machine elf.Machine) (uint64, Instruction, error) {
	size := uint64(1)
	if machine == elf.EM_AARCH64 {
		size = uint64(len(nopARM64))
	}
	// The kernel refuses offsets that are not a multiple of its breakpoint's
	// size (uprobe_register in kernel/events/uprobes.c).
	p, into, err := s.find(address, size)
	switch {
	case err != nil:
		return 0, Instruction{}, fmt.Errorf("map location: %w", err)
	case p.Flags&elf.PF_X == 0:
		return 0, Instruction{}, fmt.Errorf("map location: address %#x is not in an executable segment", address)
	case (p.Off+into)%size != 0:
		return 0, Instruction{}, fmt.Errorf("map location: address %#x is not aligned to %d bytes", address, size)
	}
	buf := make([]byte, min(p.Filesz-into, maxInstruction))
	n, err := p.ReaderAt.ReadAt(buf, int64(into))
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, Instruction{}, fmt.Errorf("read instruction at %#x: %w", address, err)
	}
	if uint64(n) < size {
		return 0, Instruction{}, fmt.Errorf("read instruction at %#x: %w", address, io.ErrUnexpectedEOF)
	}
	return p.Off + into, classify(machine, buf[:n:n]), nil
}

// semaphore returns the file offset of the 16-bit counter at address. The
// kernel finds it through a private writable mapping and wants it aligned
// (valid_ref_ctr_vma and uprobe_register in kernel/events/uprobes.c).
func (s segments) semaphore(address uint64) (uint64, error) {
	const size = 2
	p, into, err := s.find(address, size)
	switch {
	case err != nil:
		return 0, fmt.Errorf("map semaphore: %w", err)
	case p.Flags&elf.PF_X != 0 || p.Flags&elf.PF_W == 0:
		return 0, fmt.Errorf("map semaphore: address %#x is in a segment with flags %s, want writable and not executable", address, p.Flags)
	case address == 0 || p.Off+into == 0: // the kernel takes 0 for none
		return 0, fmt.Errorf("map semaphore: address %#x is at offset %d", address, p.Off+into)
	case (p.Off+into)%size != 0:
		return 0, fmt.Errorf("map semaphore: address %#x is not aligned to %d bytes", address, size)
	}
	return p.Off + into, nil
}
