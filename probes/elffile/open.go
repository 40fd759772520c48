// SPDX-License-Identifier: Apache-2.0

package elffile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrNotELF is wrapped where a file is not ELF at all, such as a script.
	ErrNotELF = errors.New("not an ELF file")
	// ErrUnsupported is wrapped where a file is well formed but of a kind that
	// is not served: 32-bit, big-endian, another machine, an object file or a
	// core; or a section that holds no plain bytes.
	ErrUnsupported = errors.New("not supported")
	// ErrLimit is wrapped where a stated size is above the limits.
	ErrLimit = errors.New("above the limit")
)

const (
	maxHeaders     = 4096    // program headers; as many sections
	maxNameTable   = 1 << 20 // bytes of all section names
	maxSectionName = 1 << 10
)

// Open reads the headers of the file behind r, which is kept by the result and
// not closed. Errors wrap [ErrNotELF], [ErrUnsupported] or [ErrLimit] where
// that is the cause.
func Open(r io.ReaderAt) (*elf.File, error) {
	if err := checkHeaders(r); err != nil {
		return nil, fmt.Errorf("read ELF header: %w", err)
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("read ELF headers: %w", err)
	}
	return f, nil
}

// CheckKind refuses files of a kind that is not served, with [ErrUnsupported].
func CheckKind(class elf.Class, data elf.Data, kind elf.Type, machine elf.Machine) error {
	switch {
	case class != elf.ELFCLASS64:
		return fmt.Errorf("%s file: %w", class, ErrUnsupported)
	case data != elf.ELFDATA2LSB:
		return fmt.Errorf("%s file: %w", data, ErrUnsupported)
	case machine != elf.EM_X86_64 && machine != elf.EM_AARCH64:
		return fmt.Errorf("%s file: %w", machine, ErrUnsupported)
	case kind != elf.ET_EXEC && kind != elf.ET_DYN:
		return fmt.Errorf("%s file: %w", kind, ErrUnsupported)
	}
	return nil
}

// checkHeaders refuses files whose headers would make elf.NewFile take much
// memory: it trusts the number of headers, and it copies every section's name
// out of a table of any size.
func checkHeaders(r io.ReaderAt) error {
	var raw [64]byte
	n, err := r.ReadAt(raw[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.HasPrefix(raw[:n], []byte(elf.ELFMAG)) {
		return ErrNotELF
	}
	if n < elf.EI_NIDENT+4 {
		return io.ErrUnexpectedEOF
	}
	var h elf.Header64
	if err := binary.Read(bytes.NewReader(raw[:]), binary.LittleEndian, &h); err != nil {
		return err
	}
	class, data := elf.Class(raw[elf.EI_CLASS]), elf.Data(raw[elf.EI_DATA])
	if err := CheckKind(class, data, elf.Type(h.Type), elf.Machine(h.Machine)); err != nil {
		return err
	}
	switch {
	case n < len(raw):
		return io.ErrUnexpectedEOF
	case h.Shnum == 0 && h.Shoff != 0 || h.Shnum > maxHeaders:
		return fmt.Errorf("more than %d sections: %w", maxHeaders, ErrLimit)
	case h.Phnum > maxHeaders:
		return fmt.Errorf("more than %d program headers: %w", maxHeaders, ErrLimit)
	case h.Shnum > 0 && h.Shentsize != uint16(binary.Size(elf.Section64{})):
		return fmt.Errorf("section header of %d bytes: %w", h.Shentsize, ErrUnsupported)
	case h.Phnum > 0 && h.Phentsize != uint16(binary.Size(elf.Prog64{})):
		return fmt.Errorf("program header of %d bytes: %w", h.Phentsize, ErrUnsupported)
	}
	return checkSectionNames(r, &h)
}

func checkSectionNames(r io.ReaderAt, h *elf.Header64) error {
	if h.Shnum == 0 || h.Shstrndx == 0 || h.Shstrndx >= h.Shnum {
		return nil // elf.NewFile refuses the last, and reads no names otherwise
	}
	at := h.Shoff + uint64(h.Shstrndx)*uint64(h.Shentsize)
	if int64(h.Shoff) < 0 || int64(at) < 0 {
		return fmt.Errorf("section headers at %#x: %w", h.Shoff, ErrLimit)
	}
	var s elf.Section64
	header := io.NewSectionReader(r, int64(at), int64(h.Shentsize))
	if err := binary.Read(header, binary.LittleEndian, &s); err != nil {
		return fmt.Errorf("read section %d: %w", h.Shstrndx, noEOF(err))
	}
	switch {
	case elf.SectionFlag(s.Flags)&elf.SHF_COMPRESSED != 0:
		return fmt.Errorf("compressed section names: %w", ErrUnsupported)
	case s.Size > maxNameTable || int64(s.Off) < 0:
		return fmt.Errorf("section names of %d bytes at %#x, more than %d: %w", s.Size, s.Off, maxNameTable, ErrLimit)
	}
	names := make([]byte, s.Size)
	if _, err := r.ReadAt(names, int64(s.Off)); err != nil {
		return fmt.Errorf("read section names: %w", noEOF(err))
	}
	for name := range bytes.SplitSeq(names, []byte{0}) {
		if len(name) > maxSectionName {
			return fmt.Errorf("section name of %d bytes, more than %d: %w", len(name), maxSectionName, ErrLimit)
		}
	}
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
