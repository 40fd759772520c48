// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Open reads the probes of the file at path. It follows symbolic links, so a
// path in another process's root must be opened by the caller and handed to
// [ParseReaderAt]. It refuses what is not a regular file ([ErrNotRegular])
// without waiting on it, and files above [MaxFileSize].
func Open(path string) (*File, error) {
	// Opening a device can have effects, so look before.
	before, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open for probes: %w", err)
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s for probes: %w", path, ErrNotRegular)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open for probes: %w", err)
	}
	defer f.Close()
	after, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open for probes: %w", err)
	}
	if !after.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s for probes: %w", path, ErrNotRegular)
	}
	if after.Size() > MaxFileSize {
		return nil, fmt.Errorf("open %s for probes: %d bytes, more than %d: %w", path, after.Size(), int64(MaxFileSize), ErrLimit)
	}
	probes, err := ParseReaderAt(f)
	if err != nil {
		return nil, fmt.Errorf("read probes of %s: %w", path, err)
	}
	return probes, nil
}

// ParseReaderAt reads the probes of an ELF file from r, which need not be
// trusted: headers are checked before debug/elf sees them. Errors are those of
// [Parse] and [ErrNotELF]. r is not closed and not kept.
func ParseReaderAt(r io.ReaderAt) (*File, error) {
	if err := checkHeaders(r); err != nil {
		return nil, fmt.Errorf("read ELF header: %w", err)
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("read ELF headers: %w", err)
	}
	return Parse(f)
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
	if err := checkKind(class, data, elf.Type(h.Type), elf.Machine(h.Machine)); err != nil {
		return err
	}
	switch {
	case n < len(raw):
		return io.ErrUnexpectedEOF
	case h.Shnum == 0 && h.Shoff != 0 || h.Shnum > maxSections:
		return fmt.Errorf("more than %d sections: %w", maxSections, ErrLimit)
	case h.Phnum > maxSections:
		return fmt.Errorf("more than %d program headers: %w", maxSections, ErrLimit)
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
