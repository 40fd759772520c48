// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// ProbeKind is the first part of a probe address.
type ProbeKind string

// The kinds in programs, and those in the kernel.
const (
	USDT      ProbeKind = "usdt"
	Uprobe    ProbeKind = "uprobe"
	Uretprobe ProbeKind = "uretprobe"

	Kprobe        ProbeKind = "kprobe"
	Kretprobe     ProbeKind = "kretprobe"
	Fentry        ProbeKind = "fentry"
	Fexit         ProbeKind = "fexit"
	Tracepoint    ProbeKind = "tracepoint"
	RawTracepoint ProbeKind = "rawtracepoint"
)

// forms of addresses by their kinds, in the order in which they are told.
var addressForms = []struct {
	kind ProbeKind
	form string
}{
	{USDT, "usdt:PATH:PROVIDER:NAME"},
	{Uprobe, "uprobe:PATH:SYMBOL[+OFFSET]"},
	{Uretprobe, "uretprobe:PATH:SYMBOL"},
	{Kprobe, "kprobe:FUNCTION[+OFFSET]"},
	{Kretprobe, "kretprobe:FUNCTION"},
	{Fentry, "fentry:FUNCTION"},
	{Fexit, "fexit:FUNCTION"},
	{Tracepoint, "tracepoint:CATEGORY:NAME"},
	{RawTracepoint, "rawtracepoint:NAME"},
}

// Kernel reports whether probes of the kind are in the kernel.
func (k ProbeKind) Kernel() bool {
	switch k {
	case Kprobe, Kretprobe, Fentry, Fexit, Tracepoint, RawTracepoint:
		return true
	}
	return false
}

// Returns reports whether probes of the kind are at the return of a function.
func (k ProbeKind) Returns() bool { return k == Uretprobe || k == Kretprobe || k == Fexit }

// form is how an address of the kind is written.
func (k ProbeKind) form() string {
	for _, f := range addressForms {
		if f.kind == k {
			return f.form
		}
	}
	return ""
}

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
//	kprobe:FUNCTION[+OFFSET]
//	kretprobe:FUNCTION
//	fentry:FUNCTION
//	fexit:FUNCTION
//	tracepoint:CATEGORY:NAME
//	rawtracepoint:NAME
//
// PATH is "exe" for the target's executable, an absolute path as the target
// sees it, or a glob on the base name of a library that the target has mapped.
// FUNCTION and NAME of what is in the kernel may be patterns, with * for any part.
type Address struct {
	Kind     ProbeKind
	Path     string // not in the kernel
	Provider string // of USDT; the category of a tracepoint
	Name     string // of USDT and tracepoints
	Symbol   string // the exact, mangled name of a function; the name of a raw tracepoint
	Offset   uint64 // uprobe and kprobe only: bytes from the symbol
}

// ParseAddress reads a probe address.
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
		return Address{}, fmt.Errorf("want KIND:PLACE, such as %s or %s", USDT.form(), Tracepoint.form())
	}
	switch k := ProbeKind(kind); k {
	case USDT:
		return parseUSDT(rest)
	case Uprobe, Uretprobe:
		return parseUprobe(k, rest)
	case Kprobe, Kretprobe, Fentry, Fexit:
		return parseKernelFunction(k, rest)
	case Tracepoint, RawTracepoint:
		return parseTracepoint(k, rest)
	}
	kinds := make([]string, len(addressForms))
	for i, f := range addressForms {
		kinds[i] = string(f.kind)
	}
	return Address{}, fmt.Errorf("unknown kind %q, %s%s", kind, oneOf(kinds), didYouMean(kind, kinds))
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
		return Address{}, fmt.Errorf("want %s", kind.form())
	}
	a := Address{Kind: kind, Path: s[:i]}
	symbol, offset, found := strings.Cut(s[i+1:], "+")
	a.Symbol = symbol
	if a.Symbol == "" {
		return Address{}, fmt.Errorf("empty symbol, want %s", kind.form())
	}
	if found {
		if err := a.setOffset(offset); err != nil {
			return Address{}, err
		}
	}
	return a, checkPath(a.Path)
}

func (a *Address) setOffset(text string) error {
	if a.Kind.Returns() {
		return fmt.Errorf("a function returns as a whole, without an offset")
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil || n > maxSymbolOffset {
		return fmt.Errorf("invalid offset %q, want a number up to %#x", text, maxSymbolOffset)
	}
	a.Offset = n
	return nil
}

// kernelName is what functions, tracepoints and their categories are called, and
// patterns for them. The compiler adds parts with a dot (kernel/kallsyms.c).
var kernelName = form{regexp.MustCompile(`^[A-Za-z_*][A-Za-z0-9_.*]*$`), 200, "a name of the kernel's"}

// parseKernelFunction reads FUNCTION[+OFFSET].
func parseKernelFunction(kind ProbeKind, s string) (Address, error) {
	a := Address{Kind: kind}
	symbol, offset, found := strings.Cut(s, "+")
	if !kernelName.fits(symbol) {
		return Address{}, fmt.Errorf("%q is no name of a function, want %s", symbol, kind.form())
	}
	a.Symbol = symbol
	switch {
	case !found:
		return a, nil
	case kind == Fentry:
		return Address{}, fmt.Errorf("fentry is at the beginning of a function, without an offset; kprobe takes one")
	case a.IsPattern():
		return Address{}, fmt.Errorf("a pattern has no offset")
	}
	return a, a.setOffset(offset)
}

// parseTracepoint reads CATEGORY:NAME, or the name of a raw tracepoint.
func parseTracepoint(kind ProbeKind, s string) (Address, error) {
	a := Address{Kind: kind}
	if kind == RawTracepoint {
		if !kernelName.fits(s) {
			return Address{}, fmt.Errorf("%q is no name of a tracepoint, want %s", s, kind.form())
		}
		a.Symbol = s
		return a, nil
	}
	category, name, _ := strings.Cut(s, ":")
	if !kernelName.fits(category) || !kernelName.fits(name) {
		return Address{}, fmt.Errorf("want %s", kind.form())
	}
	a.Provider, a.Name = category, name
	return a, nil
}

// IsPattern reports whether the address stands for all probes in the kernel whose
// names match.
func (a Address) IsPattern() bool {
	return a.Kind.Kernel() && strings.Contains(a.Provider+a.Name+a.Symbol, "*")
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
func (a Address) IsLibrary() bool {
	return !a.Kind.Kernel() && !a.IsExe() && !strings.HasPrefix(a.Path, "/")
}

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
	var s string
	switch {
	case a.Kind == USDT:
		return fmt.Sprintf("%s:%s:%s:%s", a.Kind, a.Path, a.Provider, a.Name)
	case a.Kind == Tracepoint:
		return fmt.Sprintf("%s:%s:%s", a.Kind, a.Provider, a.Name)
	case a.Kind.Kernel():
		s = fmt.Sprintf("%s:%s", a.Kind, a.Symbol)
	default:
		s = fmt.Sprintf("%s:%s:%s", a.Kind, a.Path, a.Symbol)
	}
	if a.Offset != 0 {
		s += fmt.Sprintf("+%#x", a.Offset)
	}
	return s
}
