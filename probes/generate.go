// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf/features"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/draft"
	"github.com/spanbridge/spanbridge/probes/symbols"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

// ErrNoProbes is wrapped where a target has no USDT probe that could be used on
// this kernel.
var ErrNoProbes = draft.ErrNoProbes

// Generate returns a profile to start from, made of the USDT probes of a target:
// of a running process with its libraries, or, where a path is not running, of
// the file. Of several processes the first one's executable counts. The error
// wraps ErrNoProbes where there is nothing to make it of, and then says what else
// the target has.
func Generate(t Target) ([]byte, error) {
	kernel, err := features.LinuxVersionCode()
	if err != nil {
		return nil, fmt.Errorf("read kernel version: %w", err)
	}
	var known files
	defer known.close()
	processes, err := known.addTarget(t)
	if err != nil {
		return nil, err
	}
	program, main, err := known.program(processes)
	if err != nil {
		return nil, err
	}
	text, err := draft.Profile(program, draft.Limits{
		Operations: bpf.MaxOperations, Sites: maxSites,
		Refuse: func(kind usdt.InstructionKind) error { _, err := checkInstruction(kernel, kind); return err },
	})
	if errors.Is(err, ErrNoProbes) {
		return nil, fmt.Errorf("%s: %w\n%s", main.path, err, whatElse(main))
	}
	return text, err
}

// program sorts the open files into an executable and its libraries. The binary
// returned is the one to speak of.
func (c *files) program(processes []*process) (draft.Program, *binary, error) {
	var program draft.Program
	if len(processes) == 0 {
		for _, b := range c.byKey { // there is one
			path := b.path
			// The name that a process would have is that behind symbolic links.
			if behind, err := filepath.EvalSymlinks(path); err == nil {
				path = behind
			}
			base := filepath.Base(path)
			address := draft.Library(base)
			if !strings.Contains(base, ".so") {
				program.Executables, address = []string{base}, catalog.Exe
			}
			program.Files = []draft.File{{Path: address, Probes: b.probes.Probes}}
			return program, b, nil
		}
	}
	executables := make(map[*binary]bool)
	for _, p := range processes {
		exe, err := c.executable(p)
		if err != nil {
			return program, nil, fmt.Errorf("look at process %d: %w", p.pid, explain(err))
		}
		executables[exe] = true
	}
	first := processes[0]
	main, err := c.executable(first)
	if err != nil {
		return program, nil, fmt.Errorf("look at process %d: %w", first.pid, explain(err))
	}
	program.Executables = []string{filepath.Base(first.exePath)}
	program.Version, program.VersionSymbol = versionOf(first, main)
	program.Files = []draft.File{{Path: catalog.Exe, Probes: main.probes.Probes}}
	listed := make(map[string]bool)
	for _, b := range c.inOrder() {
		address := draft.Library(filepath.Base(b.path))
		if executables[b] || listed[address] || len(b.probes.Probes) == 0 {
			continue
		}
		listed[address] = true
		program.Files = append(program.Files, draft.File{Path: address, Probes: b.probes.Probes})
	}
	return program, main, nil
}

// versionOf reads the version of a process where a built-in profile knows how.
func versionOf(p *process, exe *binary) (version, symbol string) {
	for _, profile := range catalog.Builtin() {
		if profile.Version == "" || !profile.Serves(filepath.Base(p.exePath)) {
			continue
		}
		if version, err := readVersionSymbol(p, exe, profile.Version); err == nil && version != "" {
			return version, profile.Version
		}
	}
	return "", ""
}

// whatElse says how to go on with a file that has no USDT probes.
func whatElse(b *binary) string {
	exported, all := 0, 0
	// An error leaves the count of what could be read.
	_ = b.symbols.Functions(func(y symbols.Symbol) bool {
		all++
		if y.Source == ".dynsym" {
			exported++
		}
		return true
	})
	count, tool := exported, "nm -D --defined-only"
	if exported == 0 {
		count, tool = all, "nm --defined-only"
	}
	if count == 0 {
		return "it has no symbols of functions either; a build that is not stripped has them"
	}
	return fmt.Sprintf("it has symbols of %d functions: list them with %s %s, "+
		"and write a profile with probes such as uprobe:exe:SYMBOL (docs/profiles.md)", count, tool, b.path)
}
