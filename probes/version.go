// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/elffile"
)

// maxVersion is the longest version text that is read, in bytes.
const maxVersion = 64

// readVersion reads the version of a process as its profile says; it is "" if that
// does not.
func readVersion(p *process, exe *binary, profile *catalog.Profile) (string, error) {
	switch {
	case profile.Version != "":
		return readVersionSymbol(p, exe, profile.Version)
	case profile.VersionText != nil:
		return readVersionText(exe, profile.VersionText)
	}
	return "", nil
}

// readVersionSymbol reads the text that a symbol of the executable holds in the
// memory of a process. Servers put it together when they start.
func readVersionSymbol(p *process, exe *binary, symbol string) (string, error) {
	text, err := readVariable(p, exe, symbol, maxVersion)
	if err != nil {
		return "", err
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	return string(sqltext.ValidUTF8(nil, text)), nil
}

// readVersionText reads a constant of the executable.
func readVersionText(exe *binary, v *catalog.VersionText) (string, error) {
	address, err := exe.handed(&catalog.Handed{In: v.In, Call: v.Call, Argument: v.Argument})
	if err != nil {
		return "", err
	}
	text := make([]byte, len(v.After)+maxVersion)
	if err := elffile.ReadAt(exe.elf, address, text); err != nil {
		return "", err
	}
	return partOf(text, v)
}

// partOf cuts the version out of a text. What does not look as the profile says is
// not taken for one.
func partOf(text []byte, v *catalog.VersionText) (string, error) {
	rest, ok := bytes.CutPrefix(text, []byte(v.After))
	if !ok {
		return "", fmt.Errorf("what %s hands over does not begin with %q", v.In, v.After)
	}
	rest, _, ended := bytes.Cut(rest, []byte{0})
	if v.Before != "" {
		rest, _, ended = bytes.Cut(rest, []byte(v.Before))
	}
	if !ended {
		return "", fmt.Errorf("what %s hands over has no end within %d bytes", v.In, maxVersion)
	}
	return string(sqltext.ValidUTF8(nil, rest)), nil
}

// readVariable reads a variable of the executable from the memory of a process.
func readVariable(p *process, exe *binary, symbol string, size int) ([]byte, error) {
	variable, err := exe.symbols.Object(symbol)
	if err != nil {
		return nil, err
	}
	memory, bias, err := openMemory(p.pid, exe)
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	data := make([]byte, size)
	if _, err := memory.ReadAt(data, int64(bias+variable.Address)); err != nil {
		return nil, fmt.Errorf("read memory of process %d: %w", p.pid, err)
	}
	return data, nil
}

// require is an error unless a variable of the process is other than 0.
func (v *view) require(r *catalog.Requirement) error {
	data, err := readVariable(v.process, v.exe, r.Variable, r.Type.Bytes())
	if err != nil {
		return err
	}
	if len(bytes.Trim(data, "\x00")) > 0 {
		return nil
	}
	return &unmetError{r}
}

// unmetError says that a variable of the process is 0.
type unmetError struct{ *catalog.Requirement }

func (e *unmetError) Error() string { return e.Variable + " is 0" }

// openMemory opens the memory of a process, and returns by how much its addresses
// differ from those in its executable. The caller closes the file.
func openMemory(pid int, exe *binary) (*os.File, uint64, error) {
	bias, err := loadBias(pid, exe)
	if err != nil {
		return nil, 0, err
	}
	memory, err := os.Open(procPath(pid, "mem"))
	return memory, bias, err
}

// loadBias returns by how much the addresses of a process differ from those in
// its executable: where the first mapping of the file begins, against where
// its first segment wants to be.
func loadBias(pid int, exe *binary) (uint64, error) {
	if exe.elf.Type == elf.ET_EXEC {
		return 0, nil
	}
	maps, err := os.ReadFile(procPath(pid, "maps"))
	if err != nil {
		return 0, err
	}
	inode := strconv.FormatUint(exe.key.ino, 10)
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[4] != inode || strings.Trim(fields[2], "0") != "" {
			continue
		}
		start, _, _ := strings.Cut(fields[0], "-")
		address, err := strconv.ParseUint(start, 16, 64)
		if err != nil {
			return 0, err
		}
		return address - firstSegment(exe.elf), nil
	}
	return 0, errors.New("the executable is not mapped")
}

func firstSegment(f *elf.File) uint64 {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			return p.Vaddr &^ uint64(os.Getpagesize()-1)
		}
	}
	return 0
}
