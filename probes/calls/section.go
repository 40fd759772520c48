// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// maxSection bounds what is read of a section, in bytes. The relocations of
// MySQL 9.7 have 9 MB.
const maxSection = 128 << 20

func checkSection(s *elf.Section) error {
	switch {
	case s.Type == elf.SHT_NOBITS || s.Flags&elf.SHF_COMPRESSED != 0 || s.ReaderAt == nil:
		return fmt.Errorf("section %s has no plain bytes in the file: %w", s.Name, elffile.ErrUnsupported)
	case s.FileSize > maxSection:
		return fmt.Errorf("section %s of %d bytes, more than %d: %w", s.Name, s.FileSize, maxSection, elffile.ErrLimit)
	}
	return nil
}

// contents returns the bytes of a section.
func contents(s *elf.Section) ([]byte, error) {
	if err := checkSection(s); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.NewSectionReader(s.ReaderAt, 0, int64(s.FileSize)))
	if err != nil {
		return nil, fmt.Errorf("read section %s: %w", s.Name, err)
	}
	return raw, nil
}

// eachWords calls yield with every entry of a section, which is as many words of
// eight bytes, and with its offset.
func eachWords(s *elf.Section, n int, yield func(at uint64, words []uint64)) error {
	if err := checkSection(s); err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(s.ReaderAt, 0, int64(s.FileSize)), 1<<16)
	raw, words := make([]byte, 8*n), make([]uint64, n)
	for at := uint64(0); at+uint64(len(raw)) <= s.FileSize; at += uint64(len(raw)) {
		if _, err := io.ReadFull(r, raw); err != nil {
			return fmt.Errorf("read section %s: %w", s.Name, err)
		}
		for i := range words {
			words[i] = binary.LittleEndian.Uint64(raw[8*i:])
		}
		yield(at, words)
	}
	return nil
}
