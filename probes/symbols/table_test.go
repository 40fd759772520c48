// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// many is a program with so many exported functions that searching them all
// would show.
func many(n int) *program {
	p := &program{buildID: "\x12\x34\x56\x78"}
	for i := range n {
		p.exported = append(p.exported, sym{name: fmt.Sprintf("_Z8functioni%d", i), address: uint64(i % 0x400), size: 16})
	}
	return p
}

func TestExportedSymbolsAreFoundByEveryKindOfTable(t *testing.T) {
	symbols := []sym{
		{name: "used", undef: true},
		{name: "_Z5queryv", address: 0x100, size: 40},
		{name: "_Z5queryi", address: 0x140, size: 8},
		{name: "server_version", address: 0x20, size: 60, kind: elf.STT_OBJECT},
		{name: "_init", address: 0x180},
	}
	for name, p := range map[string]*program{
		".gnu.hash": {exported: symbols}, "DT_HASH": {exported: symbols, sysV: true},
		"no hash table": {exported: symbols, noHash: true}, "with versions": {exported: symbols, versions: true},
	} {
		t.Run(name, func(t *testing.T) {
			table := p.open(t)
			for _, want := range []Symbol{
				{"_Z5queryv", code + 0x100, 40, ".dynsym"}, {"_Z5queryi", code + 0x140, 8, ".dynsym"}, {"_init", code + 0x180, 0, ".dynsym"},
			} {
				got, err := table.Function(want.Name)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%v %s", err, diff)
				}
			}
			got, err := table.Object("server_version")
			if diff := cmp.Diff(Symbol{"server_version", data + 0x20, 60, ".dynsym"}, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
			for _, name := range []string{"used", "_Z5query", "_Z5queryvv", "", "other"} {
				if got, err := table.Function(name); !errors.Is(err, ErrNotFound) {
					t.Errorf("%q: got %v, %v", name, got, err)
				}
			}
		})
	}
}

func TestSymbolsWithoutSectionHeadersAreFound(t *testing.T) {
	raw := (&program{exported: []sym{{name: "query", address: 8}}}).build()
	copy(raw[40:48], make([]byte, 8)) // e_shoff
	copy(raw[60:64], make([]byte, 4)) // e_shnum, e_shstrndx
	table, err := Open(bytes.NewReader(raw), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := table.Function("query"); err != nil || got.Address != code+8 {
		t.Errorf("got %v, %v", got, err)
	}
}

// counting counts what is read.
type counting struct {
	io.ReaderAt
	bytes, calls int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.bytes += len(p)
	c.calls++
	return c.ReaderAt.ReadAt(p, off)
}

func TestALookupReadsLittleOfAManySymbols(t *testing.T) {
	p := many(20_000)
	raw := p.build()
	file := &counting{ReaderAt: bytes.NewReader(raw)}
	table, err := Open(file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	file.bytes = 0
	if _, err := table.Function("nosuchthing"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if file.bytes > 4<<10 {
		t.Errorf("a name that does not exist took %d bytes of %d", file.bytes, len(raw))
	}
	file.bytes = 0
	if _, err := table.Function(p.exported[0].name); err != nil {
		t.Error(err)
	}
	if file.bytes > 4<<10 {
		t.Errorf("a name took %d bytes of %d", file.bytes, len(raw))
	}
}

func TestTheDefaultVersionIsTaken(t *testing.T) {
	for _, sysV := range []bool{false, true} {
		p := &program{versions: true, sysV: sysV, exported: []sym{
			{name: "query", address: 1, hidden: true}, {name: "query", address: 2}, {name: "query", address: 3, hidden: true},
			{name: "old", address: 4, hidden: true},
		}}
		table := p.open(t)
		for name, want := range map[string]uint64{"query": code + 2, "old": code + 4} {
			if got, err := table.Function(name); err != nil || got.Address != want {
				t.Errorf("System V table %v: %s is %v, %v", sysV, name, got, err)
			}
		}
	}
}

func TestWhatIsNoFunctionIsRefusedWithTheReason(t *testing.T) {
	table := (&program{exported: []sym{
		{name: "chosen", address: 1, kind: elf.STT_GNU_IFUNC}, {name: "per_thread", address: 1, kind: elf.STT_TLS},
		{name: "label", address: 1, noType: true}, {name: "variable", address: 1, kind: elf.STT_OBJECT},
		{name: "outside", address: 0x7000000},
	}}).open(t)
	for name, want := range map[string]string{
		"chosen": "an indirect function", "per_thread": "a thread-local variable", "label": "a symbol of no type", "variable": "it is a variable",
	} {
		if got, err := table.Function(name); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if got, err := table.Function("outside"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an address outside of the code: got %v, %v", got, err)
	}
}

func TestLocalSymbolsAreFoundUnlessSeveralShareTheName(t *testing.T) {
	p := &program{exported: []sym{{name: "query", address: 8}}, all: []sym{
		{name: "query", address: 0x900, local: true}, // .dynsym comes first
		{name: "lock_wait", address: 16, size: 4, local: true},
		{name: "init", address: 24, local: true}, {name: "init", address: 32, local: true},
		{name: "commit", address: 40, local: true}, {name: "commit", address: 48}, {name: "commit", address: 56, local: true},
	}}
	table := p.open(t)
	for _, want := range []Symbol{
		{"query", code + 8, 0, ".dynsym"}, {"lock_wait", code + 16, 4, ".symtab"}, {"commit", code + 48, 0, ".symtab"},
	} {
		got, err := table.Function(want.Name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	if got, err := table.Function("init"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "several") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestClonesAreNeverTakenForTheFunction(t *testing.T) {
	table := (&program{all: []sym{
		{name: "query.cold", address: 1}, {name: "query.isra.0", address: 2, local: true}, {name: "query2", address: 3},
		{name: "commit.part.0", address: 4}, {name: "commit", address: 5},
	}}).open(t)
	_, err := table.Function("query")
	var missing *NotFoundError
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"query.cold", "query.isra.0"}, missing.Clones); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(err.Error(), "other arguments") {
		t.Errorf("the error does not say why: %v", err)
	}
	if got, err := table.Function("commit"); err != nil || got.Address != code+5 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestErrorsSayWhereWasLooked(t *testing.T) {
	p := many(3)
	table := system(t.TempDir()).table(t, p, Options{SymbolFiles: []string{"/doc/server.sym.gz"}})
	_, err := table.Function("query")
	want := "no function query in .dynsym (no .symtab; no /usr/lib/debug/.build-id/12/345678.debug; no /doc/server.sym.gz)"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestEveryFunctionIsListedOnce(t *testing.T) {
	p := &program{
		exported: []sym{{name: "query", address: 8, size: 4}, {name: "version", address: 8, kind: elf.STT_OBJECT}},
		all:      []sym{{name: "query", address: 8, size: 4}, {name: "init", address: 24, local: true}, {name: "init", address: 32, local: true}},
	}
	var got []Symbol
	err := p.open(t).Functions(func(s Symbol) bool { got = append(got, s); return true })
	want := []Symbol{{"query", code + 8, 4, ".dynsym"}, {"init", code + 24, 0, ".symtab"}, {"init", code + 32, 0, ".symtab"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	n := 0
	if err := p.open(t).Functions(func(Symbol) bool { n++; return false }); err != nil || n != 1 {
		t.Errorf("went on after the end: %d, %v", n, err)
	}
}

func TestSymbolsThatShareALongNameCostLittle(t *testing.T) {
	p := &program{all: make([]sym, 3000)}
	p.all[0].name = strings.Repeat("x", 60_000)
	raw := p.build()
	table := p.sections()[0].data
	at := bytes.Index(raw, table[elf.Sym64Size:2*elf.Sym64Size])
	for i := range p.all {
		copy(raw[at+i*elf.Sym64Size:], []byte{1, 0, 0, 0}) // where the name is
	}
	opened, err := Open(bytes.NewReader(raw), Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = opened.Functions(func(Symbol) bool { n++; return true })
	if !errors.Is(err, elffile.ErrLimit) || n > 2 {
		t.Errorf("got %d functions, %v", n, err)
	}
}
