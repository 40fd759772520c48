// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/elffile"
	"github.com/spanbridge/spanbridge/probes/symbols"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

// fileKey names a file by what the kernel hangs uprobes on, the inode.
type fileKey struct {
	dev, ino uint64
}

// binary is an executable or a library with what is known of its probes. It
// keeps the file open: probes are attached through the descriptor, so a file
// that was replaced meanwhile cannot be hit by mistake.
type binary struct {
	key     fileKey
	path    string // as the process that it was found in sees it
	overlay bool   // the inode that it has is not the one that probes hang on
	file    *os.File
	probes  *usdt.File
	symbols *symbols.Table
	elf     *elf.File
	leads   map[*catalog.Profile]*leads
}

func keyOf(f *os.File) (fileKey, error) {
	info, err := f.Stat()
	if err != nil {
		return fileKey{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileKey{}, errors.New("no inode is known")
	}
	return fileKey{dev: st.Dev, ino: st.Ino}, nil
}

// files opens every binary once. It is not safe for concurrent use.
type files struct {
	byKey    map[fileKey]*binary
	cacheDir string // keeps what searches for symbols found; "" for none
}

// executable returns the binary that a process runs, which may be deleted.
func (c *files) executable(p *process) (*binary, error) {
	f, err := openRegular(procPath(p.pid, "exe"))
	if err != nil {
		return nil, err
	}
	return c.add(f, p.exePath, p.open)
}

// library returns a library that a process has mapped.
func (c *files) library(p *process, m mapping) (*binary, error) {
	f, err := openMapping(p.pid, m)
	if err != nil {
		return nil, err
	}
	return c.add(f, m.path, p.open)
}

// add takes over f: it is kept, or closed if its file is known. What belongs to
// it, such as its debug file, is opened by open.
func (c *files) add(f *os.File, path string, open symbols.Opener) (*binary, error) {
	key, err := keyOf(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("look at %s: %w", path, err)
	}
	if known, ok := c.byKey[key]; ok {
		f.Close()
		return known, nil
	}
	b := &binary{key: key, path: path, file: f, overlay: onOverlay(f)}
	if err := b.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("read probes of %s: %w", path, err)
	}
	b.symbols = symbols.New(f, b.elf, symbols.Options{
		Path: path, Open: open, SymbolFiles: symbols.SymbolFiles(path), CacheDir: c.cacheDir,
	})
	if c.byKey == nil {
		c.byKey = make(map[fileKey]*binary)
	}
	c.byKey[key] = b
	return b, nil
}

// inOrder returns the binaries by path.
func (c *files) inOrder() []*binary {
	all := slices.Collect(maps.Values(c.byKey))
	slices.SortFunc(all, func(a, b *binary) int { return cmp.Compare(a.path, b.path) })
	return all
}

func (c *files) close() {
	for _, b := range c.byKey {
		b.file.Close()
	}
	c.byKey = nil
}

func (b *binary) read() (err error) {
	if b.elf, err = elffile.Open(b.file); err != nil {
		return err
	}
	b.probes, err = usdt.Parse(b.elf)
	return err
}

// attachPath is a path that leads to the open file and to no other.
func (b *binary) attachPath() string {
	return fmt.Sprintf("/proc/self/fd/%d", b.file.Fd())
}

// function returns the code symbol of exactly that name. The value of the
// result is the address and its size is 0 if that is not known; the rest is not
// set.
func (b *binary) function(name string) (elf.Symbol, bool) {
	y, err := b.symbols.Function(name)
	return elf.Symbol{Name: y.Name, Value: y.Address, Size: y.Size}, err == nil
}

// variable returns the address of the variable of exactly that name.
func (b *binary) variable(name string) (uint64, bool) {
	y, err := b.symbols.Object(name)
	return y.Address, err == nil
}

// has reports whether there is a function or a variable of exactly that name.
func (b *binary) has(name string) bool {
	if _, ok := b.function(name); ok {
		return true
	}
	_, ok := b.variable(name)
	return ok
}

func (b *binary) machine() elf.Machine { return b.elf.Machine }

// At implements [accessor.Code].
func (b *binary) At(address uint64, n int) ([]byte, error) {
	offset, ok := b.fileOffset(address)
	if !ok {
		return nil, fmt.Errorf("%#x lies outside the executable segments", address)
	}
	code := make([]byte, n)
	read, err := b.file.ReadAt(code, int64(offset))
	if read == 0 {
		return nil, err
	}
	return code[:read], nil
}

// variableAt finds a variable of the program from the instruction pointer at an
// address: wherever the program was loaded, they are as far apart as in the
// file.
func (b *binary) variableAt(name string, address uint64) (bpf.ProgramsArg, error) {
	y, err := b.symbols.Object(name)
	if err != nil {
		return bpf.ProgramsArg{}, lacks(err)
	}
	return b.staticAt(y.Address, address), nil
}

// staticAt finds what lies at one virtual address from the instruction pointer
// at another one.
func (b *binary) staticAt(to, address uint64) bpf.ProgramsArg {
	pc := uint8(usdt.RIP)
	if b.elf.Machine == elf.EM_AARCH64 {
		pc = arm64PC
	}
	return bpf.ProgramsArg{Kind: argMem, Size: 8, Base: pc, Disp: int64(to - address)}
}

// arm64PC is the program counter among the registers of bpf/args.bpf.h.
const arm64PC = 32

// expect tells the symbol table which functions the profile will ask for, so
// that they are looked for at once.
func (b *binary) expect(profile *catalog.Profile) {
	for _, name := range profile.Functions() {
		b.symbols.Expect(name)
	}
}

// fileOffset turns a virtual address of executable code into a file offset.
func (b *binary) fileOffset(address uint64) (uint64, bool) {
	for _, p := range b.elf.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && address >= p.Vaddr && address-p.Vaddr < p.Filesz {
			return address - p.Vaddr + p.Off, true
		}
	}
	return 0, false
}
