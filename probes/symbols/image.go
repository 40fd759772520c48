// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

const (
	maxNotes   = 64 << 10 // bytes of one note segment
	maxBuildID = 64       // bytes
	maxLink    = 4096     // bytes of .gnu_debuglink
)

// image is the file as it is laid out in memory.
type image struct {
	file io.ReaderAt
	elf  *elf.File
}

// read fills buf with what the file holds for a virtual address.
func (im *image) read(address uint64, buf []byte) error { return elffile.ReadAt(im.elf, address, buf) }

// isCode reports whether an address is that of code in the file.
func (im *image) isCode(address uint64) bool {
	return im.within(address, elf.PF_X, func(p *elf.Prog) uint64 { return p.Filesz })
}

// isData reports whether an address is in the memory of the file, which may
// be zeroed memory that the file does not hold.
func (im *image) isData(address uint64, flags elf.ProgFlag) bool {
	return im.within(address, flags, func(p *elf.Prog) uint64 { return p.Memsz })
}

func (im *image) within(address uint64, flags elf.ProgFlag, size func(*elf.Prog) uint64) bool {
	for _, p := range im.elf.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&flags == flags && address >= p.Vaddr && address-p.Vaddr < size(p) {
			return true
		}
	}
	return false
}

// buildID returns the GNU build id in hexadecimal, "" if there is none. The
// notes are found by program headers, or by sections in debug files, whose
// program headers are those of the stripped file.
func (im *image) buildID() string {
	for _, s := range im.elf.Sections {
		if s.Type == elf.SHT_NOTE && s.Flags&elf.SHF_COMPRESSED == 0 && s.ReaderAt != nil {
			if id := noteBuildID(s.ReaderAt, s.FileSize); id != "" {
				return id
			}
		}
	}
	for _, p := range im.elf.Progs {
		if p.Type == elf.PT_NOTE {
			if id := noteBuildID(p.ReaderAt, p.Filesz); id != "" {
				return id
			}
		}
	}
	return ""
}

// noteBuildID looks for the note of type 3 and owner GNU.
func noteBuildID(r io.ReaderAt, size uint64) string {
	raw := make([]byte, min(size, maxNotes))
	n, err := r.ReadAt(raw, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	for raw = raw[:n]; len(raw) >= 12; {
		nameSize, descSize := uint64(binary.LittleEndian.Uint32(raw)), uint64(binary.LittleEndian.Uint32(raw[4:]))
		kind := binary.LittleEndian.Uint32(raw[8:])
		desc := 12 + (nameSize+3)&^3
		next := desc + (descSize+3)&^3
		if desc+descSize > uint64(len(raw)) {
			return ""
		}
		if kind == 3 && bytes.Equal(raw[12:12+nameSize], []byte("GNU\x00")) && descSize > 1 && descSize <= maxBuildID {
			return hex.EncodeToString(raw[desc : desc+descSize])
		}
		if next >= uint64(len(raw)) {
			return ""
		}
		raw = raw[next:]
	}
	return ""
}

// debugLink returns the base name and the checksum of the separate debug file
// (GDB manual, Separate Debug Files), "" if none is named.
func (im *image) debugLink() (name string, crc uint32) {
	s := im.elf.Section(".gnu_debuglink")
	if s == nil || s.Type == elf.SHT_NOBITS || s.FileSize > maxLink || s.ReaderAt == nil {
		return "", 0
	}
	raw := make([]byte, s.FileSize)
	if n, err := s.ReaderAt.ReadAt(raw, 0); n < len(raw) && err != nil {
		return "", 0
	}
	text, _, ok := bytes.Cut(raw, []byte{0})
	at := (len(text) + 1 + 3) &^ 3
	if !ok || len(raw) < at+4 || len(text) == 0 || bytes.ContainsRune(text, '/') || string(text) == ".." {
		return "", 0
	}
	return string(text), binary.LittleEndian.Uint32(raw[at:])
}
