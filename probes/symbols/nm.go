// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// Limits of a symbol file. That of MariaDB 11.8 has 53,365 lines, of which the
// longest has 700 bytes, and 3.3 MB.
const (
	maxNMBytes = 64 << 20 // when unpacked
	maxNMLines = 1 << 20
	maxNMLine  = 16 << 10 // bytes; longer lines are no symbols
	// minProof is how many symbols a file must share with .dynsym, and
	// minShare how many of 100.
	minProof = 64
	minShare = 95
)

// nmLine is a line of nm's output: address, letter of the type, name.
type nmLine struct {
	address uint64
	letter  byte
	name    []byte // valid until the next line
}

// exported reports whether the letter is that of a symbol which other files
// see: capitals are global, u stands for unique, i for indirect functions
// (nm(1)). U is undefined and has no address.
func (l *nmLine) exported() bool {
	return l.letter >= 'A' && l.letter <= 'Z' && l.letter != 'U' && l.letter != 'N' || l.letter == 'u' || l.letter == 'i'
}

// scanNM reads the output of nm, and proves it to be of this file before
// anything of it is told.
func (t *Table) scanNM(s *source, names *elffile.Names, found func(*elffile.Entry) bool) error {
	proof, err := t.newProof()
	if err != nil {
		return err
	}
	var addresses []uint64
	var entries []*elffile.Entry
	err = s.lines(func(l *nmLine) error {
		addresses = append(addresses, l.address)
		if e := t.nmEntry(l, names); e != nil {
			entries = append(entries, e)
		}
		return proof.hold(l)
	})
	if err == nil {
		err = proof.judge()
	}
	if err != nil {
		return err
	}
	slices.Sort(addresses)
	for _, e := range entries {
		e.Size = distance(addresses, e.Value)
		if !found(e) {
			break
		}
	}
	return nil
}

// distance returns how far the next address is, 0 if there is none.
func distance(sorted []uint64, address uint64) uint64 {
	if address == math.MaxUint64 {
		return 0
	}
	i, _ := slices.BinarySearch(sorted, address+1)
	if i == len(sorted) {
		return 0
	}
	return sorted[i] - address
}

// nmEntry translates a line. It is nil for names that are not wanted, for what
// is neither code nor data, and for thread-local variables, which nm shows as b or d with an address that
// is an offset: no writable segment is there.
func (t *Table) nmEntry(l *nmLine, names *elffile.Names) *elffile.Entry {
	name, suffix := "", ""
	if names != nil {
		var ok bool
		if name, suffix, ok = names.Match(l.name); !ok {
			return nil
		}
	}
	var kind elf.SymType
	switch l.letter {
	case 'T', 't', 'W':
		kind = elf.STT_FUNC
	case 'i':
		kind = elf.STT_GNU_IFUNC
	case 'B', 'b', 'D', 'd', 'G', 'g', 'S', 's':
		if !t.image.isData(l.address, elf.PF_W) {
			return nil
		}
		kind = elf.STT_OBJECT
	case 'R', 'r', 'V', 'u':
		kind = elf.STT_OBJECT
	default:
		return nil
	}
	bind := elf.STB_LOCAL
	if l.exported() {
		bind = elf.STB_GLOBAL
	}
	if names == nil {
		name = string(l.name)
	}
	return &elffile.Entry{
		Sym64: elf.Sym64{Info: elf.ST_INFO(bind, kind), Value: l.address, Shndx: 1},
		Name:  name, Suffix: suffix,
	}
}

// lines calls yield with every line that has an address.
func (s *source) lines(yield func(*nmLine) error) error {
	r, err := s.text()
	if err != nil {
		return err
	}
	// One byte more than allowed tells a file at the limit from one above.
	limited := &io.LimitedReader{R: r, N: maxNMBytes + 1}
	lines := bufio.NewReaderSize(limited, maxNMLine)
	whole := true // the next piece begins a line
	for n := 0; ; n++ {
		text, err := lines.ReadSlice('\n')
		if n > maxNMLines {
			return fmt.Errorf("more than %d lines: %w", maxNMLines, elffile.ErrLimit)
		}
		if limited.N <= 0 {
			return fmt.Errorf("more than %d bytes: %w", maxNMBytes, elffile.ErrLimit)
		}
		full := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !full && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read symbol file: %w", err)
		}
		if l, ok := parseNM(text); ok && whole && !full {
			if err := yield(&l); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		whole = !full
	}
}

// text unpacks the file if it is packed.
func (s *source) text() (io.Reader, error) {
	var magic [2]byte
	n, err := s.file.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read symbol file: %w", err)
	}
	all := io.NewSectionReader(s.file, 0, s.stamp.Size)
	if n < 2 || magic != [2]byte{0x1f, 0x8b} {
		return all, nil
	}
	packed, err := gzip.NewReader(bufio.NewReaderSize(all, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("unpack symbol file: %w", err)
	}
	return packed, nil
}

// parseNM reads "0000000000732c30 T _Z16dispatch_command...". It is false for
// undefined symbols, which have no address, and for anything else.
func parseNM(line []byte) (l nmLine, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) < 20 || line[16] != ' ' || line[18] != ' ' {
		return l, false
	}
	address, err := strconv.ParseUint(string(line[:16]), 16, 64)
	if err != nil {
		return l, false
	}
	name, _, _ := bytes.Cut(line[19:], []byte("@"))
	return nmLine{address: address, letter: line[17], name: name}, len(name) > 0
}
