// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// frames knows the bounds of functions from the table for unwinding: .eh_frame,
// by its index .eh_frame_hdr (Linux Standard Base, Exception Frames).
type frames struct {
	file    *elf.File
	address uint64 // of the index
	count   uint64 // of its entries
}

// extent is where a function, or a part that was put elsewhere, lies.
type extent struct{ start, size uint64 }

// Encodings of pointers, DW_EH_PE_*, in the only combination that linkers write
// into the index.
const (
	encodingPCRel    = 0x10
	encodingDataRel  = 0x30
	encodingUnsigned = 0x03 // four bytes
	encodingSigned   = 0x0b // four bytes
)

const (
	maxFrame     = 1 << 16 // bytes of an entry that are looked at
	indexHeader  = 12
	indexEntry   = 8
	maxFunctions = 1 << 24
)

func openFrames(f *elf.File) (*frames, error) {
	for _, p := range f.Progs {
		if p.Type != elf.PT_GNU_EH_FRAME {
			continue
		}
		var h [indexHeader]byte
		if err := elffile.ReadAt(f, p.Vaddr, h[:]); err != nil {
			return nil, fmt.Errorf("read .eh_frame_hdr: %w", err)
		}
		if h[0] != 1 || h[2] != encodingUnsigned || h[3] != encodingDataRel|encodingSigned {
			return nil, refuse(".eh_frame_hdr is of another form: % x", h[:4])
		}
		count := uint64(binary.LittleEndian.Uint32(h[8:]))
		if count > maxFunctions {
			return nil, refuse(".eh_frame_hdr has %d entries, more than %d", count, maxFunctions)
		}
		return &frames{f, p.Vaddr, count}, nil
	}
	return nil, refuse("the program has no .eh_frame_hdr, which tells where functions begin")
}

// find returns the bounds of the function that an address is in.
func (s *frames) find(address uint64) (extent, error) {
	var fault error
	n := sort.Search(int(s.count), func(i int) bool {
		start, _, err := s.entry(i)
		fault = errors.Join(fault, err)
		return err != nil || start > address
	})
	if fault != nil {
		return extent{}, fault
	}
	if n == 0 {
		return extent{}, errors.New("it is in no function that .eh_frame knows")
	}
	start, at, err := s.entry(n - 1)
	if err != nil {
		return extent{}, err
	}
	e, err := s.extent(at)
	switch {
	case err != nil:
		return extent{}, fmt.Errorf("entry of .eh_frame at %#x: %w", at, err)
	case e.start != start:
		return extent{}, fmt.Errorf("entry of .eh_frame at %#x: it is about %#x, not %#x", at, e.start, start)
	case address-e.start >= e.size:
		return extent{}, errors.New("it is in no function that .eh_frame knows")
	}
	return e, nil
}

// entry returns where a function begins, and its entry in .eh_frame.
func (s *frames) entry(i int) (start, at uint64, err error) {
	var raw [indexEntry]byte
	if err := elffile.ReadAt(s.file, s.address+indexHeader+uint64(i)*indexEntry, raw[:]); err != nil {
		return 0, 0, fmt.Errorf("read .eh_frame_hdr: %w", err)
	}
	start = s.address + uint64(int64(int32(binary.LittleEndian.Uint32(raw[:]))))
	at = s.address + uint64(int64(int32(binary.LittleEndian.Uint32(raw[4:]))))
	return start, at, nil
}

// extent decodes the bounds from an entry of .eh_frame.
func (s *frames) extent(at uint64) (extent, error) {
	entry, err := s.read(at)
	if err != nil {
		return extent{}, err
	}
	back := entry.uint(4)
	if entry.bad || back == 0 || back > at+4 {
		return extent{}, errors.New("it is none of a function")
	}
	common, err := s.read(at + 4 - back)
	if err != nil {
		return extent{}, err
	}
	encoding, err := common.pointerEncoding()
	if err != nil {
		return extent{}, err
	}
	width := encodedWidth(encoding)
	if width == 0 {
		return extent{}, fmt.Errorf("pointers of the encoding %#x", encoding)
	}
	place := entry.address
	start := entry.signed(width)
	if encoding&0x70 == encodingPCRel {
		start += place
	}
	e := extent{start: start, size: entry.uint(width)}
	if entry.bad {
		return extent{}, errors.New("it ends too early")
	}
	return e, nil
}

// encodedWidth is 0 for encodings that are not followed.
func encodedWidth(encoding byte) int {
	if application := encoding & 0xf0; application != 0 && application != encodingPCRel {
		return 0
	}
	switch encoding & 0x0f {
	case encodingUnsigned, encodingSigned:
		return 4
	case 0x00, 0x04, 0x0c:
		return 8
	}
	return 0
}

// read returns an entry of .eh_frame from behind its length.
func (s *frames) read(at uint64) (*record, error) {
	var length [4]byte
	if err := elffile.ReadAt(s.file, at, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n < 4 || n > maxFrame {
		return nil, fmt.Errorf("it has a length of %d bytes", n)
	}
	raw := make([]byte, n)
	if err := elffile.ReadAt(s.file, at+4, raw); err != nil {
		return nil, err
	}
	return &record{address: at + 4, rest: raw}, nil
}

// record reads the parts of an entry one after another. What is bad stays bad.
type record struct {
	address uint64 // of rest
	rest    []byte
	bad     bool
}

func (r *record) take(n int) []byte {
	if n > len(r.rest) {
		r.bad, r.rest = true, nil
		return make([]byte, n)
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	r.address += uint64(n)
	return part
}

func (r *record) uint(n int) uint64 {
	if n == 8 {
		return binary.LittleEndian.Uint64(r.take(8))
	}
	return uint64(binary.LittleEndian.Uint32(r.take(4)))
}

func (r *record) signed(n int) uint64 {
	if n == 8 {
		return r.uint(8)
	}
	return uint64(int64(int32(r.uint(4))))
}

// skipLEB skips a number of seven bits a byte.
func (r *record) skipLEB() {
	for !r.bad && r.take(1)[0]&0x80 != 0 {
	}
}

// text takes what ends at a NUL byte.
func (r *record) text() string {
	var text []byte
	for !r.bad {
		b := r.take(1)[0]
		if b == 0 {
			break
		}
		text = append(text, b)
	}
	return string(text)
}

// pointerEncoding decodes, from an entry that others have in common, how these
// write addresses.
func (r *record) pointerEncoding() (byte, error) {
	id, version, augmentation := r.uint(4), r.take(1)[0], r.text()
	if r.bad || id != 0 || version != 1 && version != 3 || augmentation == "" || augmentation[0] != 'z' {
		return 0, errors.New("it is of another form")
	}
	r.skipLEB() // alignment of code
	r.skipLEB() // alignment of data
	if version == 1 {
		r.take(1) // register of the return address
	} else {
		r.skipLEB()
	}
	r.skipLEB() // bytes of what follows
	for _, c := range augmentation[1:] {
		switch c {
		case 'R':
			encoding := r.take(1)[0]
			if r.bad {
				return 0, errors.New("it ends too early")
			}
			return encoding, nil
		case 'P': // the routine for exceptions
			width := encodedWidth(r.take(1)[0] &^ 0x80)
			if width == 0 {
				return 0, errors.New("it is of another form")
			}
			r.take(width)
		case 'L':
			r.take(1)
		case 'S', 'B': // of a signal handler; with signed return addresses
		default:
			return 0, fmt.Errorf("it is augmented by %q", augmentation)
		}
	}
	return 0, nil // absolute addresses
}
