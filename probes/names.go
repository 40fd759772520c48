// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"slices"

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
	var variables []symbols.Symbol
	err = exe.symbols.Variables(func(y symbols.Symbol) bool {
		if fits(table.Variables, y.Name) {
			variables = append(variables, y)
		}
		return len(variables) < maxNames
	})
	if err != nil {
		return nil, err
	}
	size := structureSize(table.Sizes, variables)
	for _, y := range variables {
		for i := range structures(y.Size, size) {
			if number, name, ok := readName(memory, bias+y.Address+i*size, table); ok && len(names) < maxNames {
				names[number] = name
			}
		}
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

// structureSize returns which of the sizes a variable has, 0 for none.
func structureSize(sizes []int, variables []symbols.Symbol) uint64 {
	for _, size := range sizes {
		if slices.ContainsFunc(variables, func(y symbols.Symbol) bool { return y.Size == uint64(size) }) {
			return uint64(size)
		}
	}
	return 0
}

// structures returns how many of them a variable is.
func structures(variable, structure uint64) uint64 {
	if structure == 0 {
		return 1
	}
	return min(max(variable/structure, 1), maxNames)
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
