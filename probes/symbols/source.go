// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"debug/elf"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// Names of the sources that are sections of the file.
const (
	dynsym = ".dynsym"
	symtab = ".symtab"
)

const (
	debugFolder = "/usr/lib/debug"
	// maxLinked is the greatest size in bytes of a debug file whose checksum
	// is computed, at about 2 GB a second.
	maxLinked = 1 << 30
)

// errForeign is wrapped where a file belongs to another build.
var errForeign = errors.New("it does not belong to this file")

// source is a place that is searched for names which the loader's table lacks.
type source struct {
	name  string // in errors and in [Symbol.Source]
	file  *os.File
	stamp stamp
	err   error // why it is not searched
	// scan calls found with the entries of these names and their clones, or
	// with all entries if names is nil, until found returns false. Nothing is
	// to be believed of what was found if it returns an error.
	scan scanner
}

type scanner func(s *source, names *elffile.Names, found func(*elffile.Entry) bool) error

// stamp tells one state of a file from another. The inode number and the time
// of the last change cannot be set at will, as size, build-id and time of
// modification can be by whoever makes a file.
type stamp struct {
	Size  int64  `json:"size"`
	Inode uint64 `json:"inode"`
	Mtime int64  `json:"mtime_ns"`
	Ctime int64  `json:"ctime_ns"`
}

func stampOf(f *os.File) (stamp, error) {
	info, err := f.Stat()
	if err != nil {
		return stamp{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return stamp{}, errors.New("not a regular file")
	}
	return stamp{Size: st.Size, Inode: st.Ino, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano()}, nil
}

// sources lists what can be searched, in order. The caller closes them.
func (t *Table) sources() []*source {
	var all []*source
	if t.dynamicErr != nil {
		all = append(all, t.section(dynsym, elf.SHT_DYNSYM))
	}
	all = append(all, t.section(symtab, elf.SHT_SYMTAB))
	return append(all, t.external()...)
}

// external lists the sources that are files of their own.
func (t *Table) external() (all []*source) {
	if t.opts.Open == nil {
		return nil
	}
	if id := t.image.buildID(); id != "" {
		path := filepath.Join(debugFolder, ".build-id", id[:2], id[2:]+".debug")
		all = append(all, t.open(path, t.scanDebug))
	}
	if name, crc := t.image.debugLink(); name != "" && t.opts.Path != "" {
		all = append(all, t.linked(name, crc)...)
	}
	for _, path := range t.opts.SymbolFiles {
		all = append(all, t.open(path, t.scanNM))
	}
	return all
}

func (t *Table) section(name string, kind elf.SectionType) *source {
	s := &source{name: name}
	table := elffile.Table(t.image.elf, kind)
	if table == nil {
		s.err = os.ErrNotExist
	}
	s.scan = func(_ *source, names *elffile.Names, found func(*elffile.Entry) bool) error {
		return readTable(t.image.elf, table, names, found)
	}
	return s
}

func (t *Table) open(path string, scan scanner) *source {
	s := &source{name: path, scan: scan}
	if s.file, s.err = t.opts.Open(path); s.err == nil {
		s.stamp, s.err = stampOf(s.file)
	}
	return s
}

// linked are the places of the debug file that .gnu_debuglink names (GDB
// manual, Separate Debug Files). One that is not there is not worth a word.
func (t *Table) linked(name string, crc uint32) (all []*source) {
	dir := filepath.Dir(t.opts.Path)
	for _, path := range []string{
		filepath.Join(dir, name), filepath.Join(dir, ".debug", name), filepath.Join(debugFolder, dir, name),
	} {
		s := t.open(path, func(s *source, names *elffile.Names, found func(*elffile.Entry) bool) error {
			if err := s.checkSum(crc); err != nil {
				return err
			}
			return s.scanELF(nil, names, found)
		})
		if errors.Is(s.err, os.ErrNotExist) {
			continue
		}
		all = append(all, s)
	}
	return all
}

// close gives back the source's file.
func (s *source) close() {
	if s.file != nil {
		s.file.Close()
	}
}

func closeAll(sources []*source) {
	for _, s := range sources {
		s.close()
	}
}

func (s *source) checkSum(want uint32) error {
	if s.stamp.Size > maxLinked {
		return fmt.Errorf("a debug file of %d bytes, more than %d: %w", s.stamp.Size, maxLinked, elffile.ErrLimit)
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(s.file, 0, s.stamp.Size)); err != nil {
		return fmt.Errorf("read debug file: %w", err)
	}
	if sum.Sum32() != want {
		return fmt.Errorf("%w: its checksum is %08x, not %08x", errForeign, sum.Sum32(), want)
	}
	return nil
}

// scanDebug searches a debug file that must have the file's build-id.
func (t *Table) scanDebug(s *source, names *elffile.Names, found func(*elffile.Entry) bool) error {
	return s.scanELF(func(im *image) error {
		if id := im.buildID(); id != t.image.buildID() {
			return fmt.Errorf("%w: its build-id is %q", errForeign, id)
		}
		return nil
	}, names, found)
}

func (s *source) scanELF(check func(*image) error, names *elffile.Names, found func(*elffile.Entry) bool) error {
	f, err := elffile.Open(s.file)
	if err != nil {
		return err
	}
	if check != nil {
		if err := check(&image{file: s.file, elf: f}); err != nil {
			return err
		}
	}
	table := elffile.Table(f, elf.SHT_SYMTAB)
	if table == nil {
		return errors.New("it has no .symtab")
	}
	return readTable(f, table, names, found)
}

func readTable(f *elf.File, table *elf.Section, names *elffile.Names, found func(*elffile.Entry) bool) error {
	yield := func(e elffile.Entry) bool { return !e.Defined() || found(&e) }
	if names == nil {
		return elffile.Each(f, table, yield)
	}
	return elffile.Search(f, table, names, yield)
}
