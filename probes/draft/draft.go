// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

// ErrNoProbes means that there is no probe to make an operation of.
var ErrNoProbes = errors.New("no USDT probes")

// Program is what a draft is made from.
type Program struct {
	// Executables are the base names of the executable. None: the files are
	// libraries, and which programs load them is left to the reader.
	Executables []string
	// Version is that of the running program as text, "" if it is not known.
	Version string
	// VersionSymbol names the variable that Version was read from.
	VersionSymbol string
	// Files have the probes, in the order in which they are to appear.
	Files []File
}

// File is a file of the program.
type File struct {
	// Path is as in a probe address: [catalog.Exe], or from [Library].
	Path   string
	Probes []usdt.Probe
}

// Limits bound a draft. All must be above zero.
type Limits struct {
	Operations int // operations that can be observed at a time
	Sites      int // probe sites that can be attached at a time
	// Refuse returns why an instruction cannot be probed, nil if it can.
	Refuse func(usdt.InstructionKind) error
}

// Library returns the address of a library of that base name: in any of its
// versions, of which one is loaded.
func Library(base string) string {
	escape := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)
	if name, _, found := strings.Cut(base, ".so."); found {
		return escape.Replace(name) + ".so*"
	}
	return escape.Replace(base)
}

// Profile returns the text of a profile. Without a probe that can be used the
// error wraps ErrNoProbes.
func Profile(p Program, l Limits) ([]byte, error) {
	found := operationsOf(p.Files, l)
	if len(found.operations) == 0 {
		if len(found.omitted) > 0 {
			return nil, fmt.Errorf("%w that can be used: %s", ErrNoProbes, strings.Join(found.omitted, "; "))
		}
		return nil, ErrNoProbes
	}
	w := &writer{}
	w.head(&p, found.omitted)
	for _, op := range found.operations {
		w.operation(op)
	}
	text := []byte(w.b.String())
	// A draft that is refused later helps nobody: names in files can be anything.
	if _, err := catalog.Parse("draft", text); err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	return text, nil
}

// printable returns a name from a file for a comment: as it is if it is one
// word of plain text, else quoted.
func printable(s string) string {
	if s != "" && len(s) <= maxShown && utf8.ValidString(s) && strings.IndexFunc(s, unusual) < 0 {
		return s
	}
	return fmt.Sprintf("%.*q", maxShown, s)
}

const maxShown = 200

func unusual(r rune) bool { return r <= ' ' || r > '~' || r == '"' }
