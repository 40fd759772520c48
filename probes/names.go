// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"fmt"
	"os"
	"path"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/symbols"
)

// Limits of a table of names.
const (
	maxNames     = 4096
	maxNameBytes = 128
)

// readNames reads the table of names that a process keeps in its memory: of
// every variable that the patterns fit, a number and a pointer to its name.
// Servers number such things when they start.
func readNames(p *process, exe *binary, table *catalog.NameTable) (map[uint64]string, error) {
	memory, bias, err := openMemory(p.pid, exe)
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	names := make(map[uint64]string)
	err = exe.symbols.Variables(func(y symbols.Symbol) bool {
		if !fits(table.Variables, y.Name) {
			return true
		}
		for i := range structures(y.Size, table) {
			if number, name, ok := readName(memory, bias+y.Address+i*uint64(table.Size), table); ok {
				names[number] = name
			}
		}
		return len(names) < maxNames
	})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no variable %s holds a name", table.Variables)
	}
	return names, nil
}

func fits(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, name); ok && err == nil {
			return true
		}
	}
	return false
}

// structures returns how many of them a variable of that many bytes is.
func structures(size uint64, table *catalog.NameTable) uint64 {
	if table.Size == 0 {
		return 1
	}
	return min(max(size/uint64(table.Size), 1), maxNames)
}

// readName reads one structure. One without a number has not been registered
// by its program, or is something else.
func readName(memory *os.File, address uint64, table *catalog.NameTable) (number uint64, name string, ok bool) {
	var word [8]byte
	if _, err := memory.ReadAt(word[:4], int64(address)+int64(table.Number)); err != nil {
		return 0, "", false
	}
	number = uint64(nativeUint32(word[:]))
	if _, err := memory.ReadAt(word[:], int64(address)+int64(table.Name)); err != nil || number == 0 {
		return 0, "", false
	}
	text := make([]byte, maxNameBytes)
	read, _ := memory.ReadAt(text, int64(nativeUint64(word[:])))
	text, _, ended := bytes.Cut(text[:read], []byte{0})
	if !ended || len(text) == 0 {
		return 0, "", false
	}
	return number, string(sqltext.ValidUTF8(nil, text)), true
}
