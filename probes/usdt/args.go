// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Place is what argument strings that name symbols depend on.
type Place struct {
	// Address is the virtual address of the site.
	Address uint64
	// Fixed is true in a file that is loaded at the addresses it states
	// (elf.ET_EXEC), where a symbol's address may stand in an operand as a
	// number.
	Fixed bool
	// Symbol returns the virtual address of a symbol, or why there is none.
	// Nil means that no symbol is known.
	Symbol func(name string) (uint64, error)
}

func (p *Place) lookup(name string) (uint64, error) {
	if p == nil || p.Symbol == nil {
		return 0, fmt.Errorf("no symbol table to find %s in", name)
	}
	return p.Symbol(name)
}

// ParseArgs reads the argument string of a note. at may be nil: arguments that
// name a symbol are then unavailable.
//
// An argument that cannot be decoded is returned as Unavailable in its own
// position. An error is returned, with no arguments, only where the string
// cannot be split, since the positions would then be uncertain, and for a
// machine other than x86-64 and arm64 ([ErrUnsupported]).
func ParseArgs(machine elf.Machine, s string, at *Place) ([]Arg, error) {
	if machine != elf.EM_X86_64 && machine != elf.EM_AARCH64 {
		return nil, fmt.Errorf("parse arguments for %s: %w", machine, ErrUnsupported)
	}
	if len(s) > MaxArgText {
		return nil, fmt.Errorf("parse arguments: %d bytes, more than %d: %w", len(s), MaxArgText, ErrLimit)
	}
	words, err := splitArgs(s)
	if err != nil {
		return nil, fmt.Errorf("split arguments %q: %w", s, err)
	}
	var args []Arg
	for _, word := range words {
		args = append(args, parseArg(machine, word, at))
	}
	return args, nil
}

// splitArgs cuts s at spaces that are outside brackets and quotation marks:
// arm64 addresses are written with spaces, and assemblers quote odd symbols.
func splitArgs(s string) ([]string, error) {
	if s == ":" { // written by early versions of sys/sdt.h for no arguments
		return nil, nil
	}
	var words []string
	var closer byte
	quoted := false
	start := -1
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quoted:
			quoted = c != '"'
		case c == '"':
			quoted = true
		case closer == 0 && (c == ']' || c == ')'), closer != 0 && (c == '[' || c == '('):
			return nil, fmt.Errorf("stray %q at byte %d", c, i)
		case c == '[':
			closer = ']'
		case c == '(':
			closer = ')'
		case closer != 0 && c == closer:
			closer = 0
		}
		if space := c == ' ' || c == '\t'; space && !quoted && closer == 0 {
			if start >= 0 {
				words = append(words, s[start:i])
			}
			start = -1
		} else if start < 0 {
			start = i
		}
	}
	if quoted || closer != 0 {
		return nil, errors.New("bracket or quotation mark not closed")
	}
	if start >= 0 {
		words = append(words, s[start:])
	}
	return words, checkWords(words)
}

func checkWords(words []string) error {
	if len(words) > MaxArgs {
		return fmt.Errorf("%d arguments, more than %d: %w", len(words), MaxArgs, ErrLimit)
	}
	for _, w := range words {
		// Without the size, the word may be half of an operand: Intel
		// syntax writes "8@QWORD PTR [rbp-8]".
		if !strings.Contains(w, "@") {
			return fmt.Errorf("%q has no size", w)
		}
	}
	return nil
}

func parseArg(machine elf.Machine, text string, at *Place) Arg {
	size, operand, _ := strings.Cut(text, "@")
	a := Arg{Text: text}
	err := a.parseSize(size)
	if err == nil {
		if machine == elf.EM_AARCH64 {
			err = a.parseARM64(operand, at)
		} else {
			err = a.parseX86(operand, at)
		}
	}
	if err == nil && a.High && a.Size != 1 {
		err = fmt.Errorf("%d bytes in the one-byte register %s", a.Size, operand)
	}
	if err != nil {
		return Arg{
			Size: a.Size, Signed: a.Signed, Float: a.Float,
			Reason: err.Error(), Text: text,
		}
	}
	return a
}

// parseSize reads [-]N[f].
func (a *Arg) parseSize(s string) error {
	digits, signed := strings.CutPrefix(s, "-")
	digits, float := strings.CutSuffix(digits, "f")
	if digits == "" || len(digits) > 4 || strings.Trim(digits, "0123456789") != "" {
		return fmt.Errorf("bad size %q", s)
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return fmt.Errorf("bad size %q", s)
	}
	a.Size, a.Signed, a.Float = n, signed, float
	switch n {
	case 1, 2, 4, 8:
		return nil
	}
	return fmt.Errorf("size of %d bytes does not fit a register", n)
}
