// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ProbeKind is the first part of a probe address.
type ProbeKind string

// The kinds that this version attaches.
const (
	USDT      ProbeKind = "usdt"
	Uprobe    ProbeKind = "uprobe"
	Uretprobe ProbeKind = "uretprobe"
)

// Exe is the path that stands for the target's executable.
const Exe = "exe"

// Limits of an address.
const (
	maxAddressBytes = 4096
	maxSymbolOffset = 1 << 30
)

// Address names a probe the way bpftrace does:
//
//	usdt:PATH:PROVIDER:NAME
//	uprobe:PATH:SYMBOL[+OFFSET]
//	uretprobe:PATH:SYMBOL
//
// PATH is "exe" for the target's executable, an absolute path as the target
// sees it, or a glob on the base name of a library that the target has mapped.
type Address struct {
	Kind     ProbeKind
	Path     string
	Provider string // USDT only
	Name     string // USDT only
	Symbol   string // not USDT: the exact, mangled name of a function
	Offset   uint64 // uprobe only: bytes from the symbol
}

// ParseAddress reads a probe address. Kinds of probes that bpftrace knows and
// this version does not attach are refused by name.
func ParseAddress(s string) (Address, error) {
	if len(s) > maxAddressBytes {
		return Address{}, fmt.Errorf("parse probe address: %d bytes are more than %d", len(s), maxAddressBytes)
	}
	a, err := parseAddress(s)
	if err != nil {
		return Address{}, fmt.Errorf("parse probe address %q: %w", s, err)
	}
	return a, nil
}

func parseAddress(s string) (Address, error) {
	if i := strings.IndexFunc(s, unprintable); i >= 0 {
		return Address{}, fmt.Errorf("space or unprintable character at byte %d", i)
	}
	kind, rest, found := strings.Cut(s, ":")
	if !found {
		return Address{}, fmt.Errorf("want usdt:PATH:PROVIDER:NAME or uprobe:PATH:SYMBOL[+OFFSET]")
	}
	switch ProbeKind(kind) {
	case USDT:
		return parseUSDT(rest)
	case Uprobe, Uretprobe:
		return parseUprobe(ProbeKind(kind), rest)
	}
	later := []string{"kprobe", "kretprobe", "fentry", "fexit", "tracepoint", "rawtracepoint"}
	if slices.Contains(later, kind) {
		return Address{}, fmt.Errorf("%s probes are not supported in this version, want usdt, uprobe or uretprobe", kind)
	}
	return Address{}, fmt.Errorf("unknown kind %q, want usdt, uprobe or uretprobe%s", kind,
		didYouMean(kind, []string{"usdt", "uprobe", "uretprobe"}))
}

func unprintable(r rune) bool {
	return r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// parseUSDT reads PATH:PROVIDER:NAME. Only the path may contain colons.
func parseUSDT(s string) (Address, error) {
	parts := strings.Split(s, ":")
	n := len(parts)
	if n < 3 {
		return Address{}, fmt.Errorf("want usdt:PATH:PROVIDER:NAME")
	}
	a := Address{Kind: USDT, Path: strings.Join(parts[:n-2], ":"), Provider: parts[n-2], Name: parts[n-1]}
	if a.Provider == "" || a.Name == "" {
		return Address{}, fmt.Errorf("empty provider or name, want usdt:PATH:PROVIDER:NAME")
	}
	return a, checkPath(a.Path)
}

// parseUprobe reads PATH:SYMBOL[+OFFSET]. Only the path may contain colons.
func parseUprobe(kind ProbeKind, s string) (Address, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return Address{}, fmt.Errorf("want %s:PATH:SYMBOL%s", kind, offsetForm(kind))
	}
	a := Address{Kind: kind, Path: s[:i]}
	symbol, offset, found := strings.Cut(s[i+1:], "+")
	a.Symbol = symbol
	if a.Symbol == "" {
		return Address{}, fmt.Errorf("empty symbol, want %s:PATH:SYMBOL%s", kind, offsetForm(kind))
	}
	if found && kind == Uretprobe {
		return Address{}, fmt.Errorf("a function returns as a whole, without an offset")
	}
	if found {
		n, err := strconv.ParseUint(offset, 0, 64)
		if err != nil || n > maxSymbolOffset {
			return Address{}, fmt.Errorf("invalid offset %q, want a number up to %#x", offset, maxSymbolOffset)
		}
		a.Offset = n
	}
	return a, checkPath(a.Path)
}

func offsetForm(kind ProbeKind) string {
	if kind == Uretprobe {
		return ""
	}
	return "[+OFFSET]"
}

func checkPath(p string) error {
	switch {
	case p == "":
		return fmt.Errorf("empty path, want exe, an absolute path or the base name of a library")
	case p == Exe || strings.HasPrefix(p, "/"):
		return nil
	case strings.Contains(p, "/"):
		return fmt.Errorf("relative path %q, want exe, an absolute path or the base name of a library", p)
	}
	if _, err := path.Match(p, ""); err != nil {
		return fmt.Errorf("invalid glob %q: %w", p, err)
	}
	return nil
}

// IsExe reports whether the probe is in the target's executable.
func (a Address) IsExe() bool { return a.Path == Exe }

// IsLibrary reports whether the path is a glob on the base name of a library.
func (a Address) IsLibrary() bool { return !a.IsExe() && !strings.HasPrefix(a.Path, "/") }

// MatchesLibrary reports whether the probe is in a library of that base name.
func (a Address) MatchesLibrary(base string) bool {
	if !a.IsLibrary() {
		return false
	}
	matched, err := path.Match(a.Path, base)
	return err == nil && matched
}

// String returns the address as [ParseAddress] reads it, with a hexadecimal offset.
func (a Address) String() string {
	if a.Kind == USDT {
		return fmt.Sprintf("%s:%s:%s:%s", a.Kind, a.Path, a.Provider, a.Name)
	}
	s := fmt.Sprintf("%s:%s:%s", a.Kind, a.Path, a.Symbol)
	if a.Offset != 0 {
		s += fmt.Sprintf("+%#x", a.Offset)
	}
	return s
}
