// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accessor_test

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/integration/servers"
	"github.com/spanbridge/spanbridge/probes/accessor"
)

// binary is a server's executable.
type binary struct {
	t         *testing.T
	file      *elf.File
	functions map[string]uint64
}

// paths gives where the executable of a server is expected.
func paths(t *testing.T, server string) string {
	t.Helper()
	cache, err := servers.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	switch server {
	case "mariadb-10.5":
		return filepath.Join(cache, "bullseye", "mariadb", "usr", "sbin", "mariadbd")
	case "mariadb-10.11":
		return "/usr/sbin/mariadbd"
	case "mariadb-11.8":
		return filepath.Join(cache, "sid", "mariadb", "usr", "sbin", "mariadbd")
	case "mysql-5.6":
		return filepath.Join(cache, "mysql-5.6", "mysqld")
	default:
		return filepath.Join(cache, "sid", "mysql", "usr", "sbin", "mysqld")
	}
}

func openBinary(t *testing.T, server string) *binary {
	t.Helper()
	path := paths(t, server)
	f, err := elf.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not installed: %s", server, path)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	b := &binary{t: t, file: f, functions: map[string]uint64{}}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Section != elf.SHN_UNDEF {
			b.functions[s.Name] = s.Value
		}
	}
	return b
}

// At is accessor.Code.
func (b *binary) At(address uint64, n int) ([]byte, error) {
	for _, p := range b.file.Progs {
		if p.Type != elf.PT_LOAD || address < p.Vaddr || address-p.Vaddr >= p.Filesz {
			continue
		}
		code := make([]byte, min(uint64(n), p.Filesz-(address-p.Vaddr)))
		_, err := p.ReadAt(code, int64(address-p.Vaddr))
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return code, err
	}
	return nil, fmt.Errorf("%#x is in no segment of the file", address)
}

// buildID gives the identity of the build.
func (b *binary) buildID() string {
	section := b.file.Section(".note.gnu.build-id")
	if section == nil {
		return ""
	}
	data, err := section.Data()
	if err != nil || len(data) < 16 {
		return ""
	}
	return hex.EncodeToString(data[16:])
}

// address gives a function's address; the test ends where there is none.
func (b *binary) address(function string) uint64 {
	b.t.Helper()
	a, ok := b.functions[function]
	if !ok {
		b.t.Fatalf("%s is not exported", function)
	}
	return a
}

func (b *binary) getter(function string) *accessor.Getter {
	b.t.Helper()
	g, err := accessor.DecodeGetter(b.file.Machine, b, b.address(function))
	if err != nil {
		b.t.Fatalf("%s: %v", function, err)
	}
	return g
}

// result gives a result of a getter.
func (b *binary) result(function string, n int) accessor.Chain {
	b.t.Helper()
	g := b.getter(function)
	if n >= len(g.Results) {
		b.t.Fatalf("%s has %d results", function, len(g.Results))
	}
	return g.Results[n]
}

// set gives the field that a setter stores an argument in.
func (b *binary) set(function string, arg uint8) accessor.Chain {
	b.t.Helper()
	return b.stored(function, arg, (*accessor.Setter).Set)
}

// added gives the field that an argument, or 1 for arg 0, is added to.
func (b *binary) added(function string, arg uint8) accessor.Chain {
	b.t.Helper()
	return b.stored(function, arg, (*accessor.Setter).Added)
}

func (b *binary) stored(function string, arg uint8, of func(*accessor.Setter, uint8) (accessor.Chain, bool)) accessor.Chain {
	b.t.Helper()
	s, err := accessor.DecodeSetter(b.file.Machine, b, b.address(function))
	if err != nil {
		b.t.Fatalf("%s: %v", function, err)
	}
	place, ok := of(s, arg)
	if !ok {
		b.t.Fatalf("%s does not store argument %d", function, arg)
	}
	return place
}

func (b *binary) calls(function string) accessor.Calls {
	b.t.Helper()
	c, err := accessor.DecodeCalls(b.file.Machine, b, b.address(function))
	if err != nil {
		b.t.Fatalf("%s: %v", function, err)
	}
	return c
}

func (b *binary) predicate(function string) *accessor.Predicate {
	b.t.Helper()
	p, err := accessor.DecodePredicate(b.file.Machine, b, b.address(function))
	if err != nil {
		b.t.Fatalf("%s: %v", function, err)
	}
	return p
}

// text shows a chain: [[p+0x10]+8]:4 loads four bytes behind a pointer.
func text(c accessor.Chain) string {
	s := "p"
	for _, o := range c.Offsets {
		s = fmt.Sprintf("[%s%+#x]", s, o)
	}
	if len(c.Offsets) > 0 {
		s += fmt.Sprintf(":%d", c.Size)
	}
	if c.Signed {
		s += "s"
	}
	if c.Add != 0 {
		s += fmt.Sprintf("%+#x", c.Add)
	}
	return s
}

// decoded shows what a decoder makes of a function.
func (b *binary) decoded(kind, function string) string {
	address, ok := b.functions[function]
	if !ok {
		return "not exported"
	}
	var parts []string
	var err error
	switch kind {
	case "get":
		var g *accessor.Getter
		if g, err = accessor.DecodeGetter(b.file.Machine, b, address); err == nil {
			parts = getterText(g)
		}
	case "set":
		var s *accessor.Setter
		if s, err = accessor.DecodeSetter(b.file.Machine, b, address); err == nil {
			parts = setterText(s)
		}
	case "is":
		var p *accessor.Predicate
		if p, err = accessor.DecodePredicate(b.file.Machine, b, address); err == nil {
			parts = []string{fmt.Sprintf("%s & %#x %s %d", text(p.Chain), p.Mask, p.Compare, p.Value)}
		}
	default:
		err = fmt.Errorf("unknown decoder %q", kind)
	}
	if err != nil {
		return err.Error()
	}
	return strings.Join(parts, "; ")
}

func getterText(g *accessor.Getter) (parts []string) {
	for _, c := range g.Results {
		parts = append(parts, text(c))
	}
	for _, c := range g.Out {
		parts = append(parts, "out "+text(c))
	}
	return parts
}

func setterText(s *accessor.Setter) (parts []string) {
	for _, st := range s.Stores {
		what, how := fmt.Sprintf("%d", st.Constant), "="
		if st.Arg > 0 {
			what = fmt.Sprintf("argument %d", st.Arg)
			if len(st.From.Offsets) > 0 {
				what += " " + text(st.From)
			}
		}
		if st.Adds {
			how = "+="
		}
		parts = append(parts, fmt.Sprintf("%s %s %s", text(st.Place), how, what))
	}
	return parts
}
