// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	noteSection = ".note.stapsdt"
	noteOwner   = "stapsdt\x00"
	noteType    = 3
	noteHeader  = 12
	// noteWords is the size of the location, base and semaphore addresses.
	noteWords = 3 * 8
	maxDesc   = noteWords + 2*(MaxName+1) + MaxArgText + 1
)

// note is a stapsdt note as it stands in the file.
type note struct {
	section                   string
	offset                    uint64
	location, base, semaphore uint64
	provider, name, args      string
}

func (n *note) fault(err error) Fault {
	return Fault{Section: n.section, NoteOffset: n.offset, Provider: n.provider, Name: n.name, Err: err}
}

// noteReader collects the notes of all sections within the limits of a file.
type noteReader struct {
	notes  []note
	faults []Fault
	bytes  uint64
}

// readNotes reads every note section. Sections by the name of sys/sdt.h must
// be sound; in others, where linkers may have moved notes, damage is a fault.
func readNotes(f *elf.File) ([]note, []Fault, error) {
	var r noteReader
	var own, others []*elf.Section
	for _, s := range f.Sections {
		switch {
		case s.Name == noteSection:
			own = append(own, s)
		case s.Type == elf.SHT_NOTE:
			others = append(others, s)
		}
	}
	for _, s := range own {
		if err := r.section(s); err != nil {
			return nil, nil, fmt.Errorf("read section %s: %w", s.Name, err)
		}
	}
	for _, s := range others {
		if err := r.section(s); err != nil {
			r.faults = append(r.faults, Fault{Section: s.Name, Err: err})
		}
	}
	return r.notes, r.faults, nil
}

func (r *noteReader) section(s *elf.Section) error {
	switch {
	case s.Type == elf.SHT_NOBITS:
		return fmt.Errorf("no bytes in the file (separate debug file?): %w", ErrUnsupported)
	case s.Flags&elf.SHF_COMPRESSED != 0 || s.ReaderAt == nil:
		return fmt.Errorf("compressed: %w", ErrUnsupported)
	case s.FileSize > MaxNoteBytes-r.bytes:
		return fmt.Errorf("%d bytes, more than %d in all: %w", s.FileSize, MaxNoteBytes, ErrLimit)
	}
	r.bytes += s.FileSize
	// Notes are padded to 4 bytes; in sections aligned to 8, to 8 (gABI).
	align := uint64(4)
	if s.Addralign == 8 {
		align = 8
	}
	in := &sectionReader{
		buf:  bufio.NewReader(io.NewSectionReader(s.ReaderAt, 0, int64(s.FileSize))),
		size: s.FileSize,
	}
	for in.at < in.size {
		if err := r.note(s.Name, in, align); err != nil {
			return fmt.Errorf("note at %#x: %w", in.at, err)
		}
	}
	return nil
}

// note reads one note. It returns an error where the start of the next cannot
// be known; a note that is bad in itself becomes a fault.
func (r *noteReader) note(section string, in *sectionReader, align uint64) error {
	n := note{section: section, offset: in.at}
	if in.left() < noteHeader && align == 8 {
		return in.skip(in.left()) // padding at the end
	}
	var header [noteHeader]byte
	if err := in.read(header[:]); err != nil {
		return err
	}
	nameSize := uint64(binary.LittleEndian.Uint32(header[0:]))
	descSize := uint64(binary.LittleEndian.Uint32(header[4:]))
	kind := binary.LittleEndian.Uint32(header[8:])
	start := n.offset + noteHeader
	desc := alignUp(start+nameSize, align)
	if end := desc + descSize; end > in.size {
		return fmt.Errorf("name of %d and descriptor of %d bytes exceed the section: %w", nameSize, descSize, io.ErrUnexpectedEOF)
	}
	next := min(alignUp(desc+descSize, align), in.size)

	var owner [len(noteOwner)]byte
	if kind != noteType || nameSize != uint64(len(owner)) {
		return in.skip(next - start)
	}
	if err := in.read(owner[:]); err != nil {
		return err
	}
	if string(owner[:]) != noteOwner {
		return in.skip(next - in.at)
	}
	if len(r.notes)+len(r.faults) >= MaxNotes {
		return fmt.Errorf("more than %d notes: %w", MaxNotes, ErrLimit)
	}
	if descSize > maxDesc {
		r.faults = append(r.faults, n.fault(fmt.Errorf("descriptor of %d bytes, more than %d: %w", descSize, maxDesc, ErrLimit)))
		return in.skip(next - in.at)
	}
	if err := in.skip(desc - in.at); err != nil {
		return err
	}
	body := make([]byte, descSize)
	if err := in.read(body); err != nil {
		return err
	}
	if err := n.decode(body); err != nil {
		r.faults = append(r.faults, n.fault(err))
	} else {
		r.notes = append(r.notes, n)
	}
	return in.skip(next - in.at)
}

// decode reads a descriptor: three addresses and three C strings.
func (n *note) decode(desc []byte) error {
	if len(desc) < noteWords {
		return fmt.Errorf("descriptor of %d bytes is too short", len(desc))
	}
	n.location = binary.LittleEndian.Uint64(desc[0:])
	n.base = binary.LittleEndian.Uint64(desc[8:])
	n.semaphore = binary.LittleEndian.Uint64(desc[16:])
	desc = desc[noteWords:]
	for _, field := range []struct {
		to    *string
		what  string
		limit int
	}{{&n.provider, "provider", MaxName}, {&n.name, "name", MaxName}, {&n.args, "argument string", MaxArgText}} {
		text, rest, ok := bytes.Cut(desc, []byte{0})
		if !ok {
			return fmt.Errorf("%s is not terminated", field.what)
		}
		if len(text) > field.limit {
			return fmt.Errorf("%s of %d bytes, more than %d: %w", field.what, len(text), field.limit, ErrLimit)
		}
		*field.to, desc = string(text), rest
	}
	if n.provider == "" || n.name == "" {
		return errors.New("empty provider or name")
	}
	return nil
}

func alignUp(n, to uint64) uint64 { return (n + to - 1) &^ (to - 1) }

// sectionReader reads a section in order and knows where it is.
type sectionReader struct {
	buf      *bufio.Reader
	at, size uint64
}

func (s *sectionReader) left() uint64 { return s.size - s.at }

func (s *sectionReader) read(p []byte) error {
	if uint64(len(p)) > s.left() {
		return io.ErrUnexpectedEOF
	}
	n, err := io.ReadFull(s.buf, p)
	s.at += uint64(n)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *sectionReader) skip(n uint64) error {
	done, err := s.buf.Discard(int(n))
	s.at += uint64(done)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
