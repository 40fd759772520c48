// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"strings"
	"testing"
)

// symbolArg parses a file whose one site, at textAddr, has the argument
// 4@NAME(%rip).
func symbolArg(t *testing.T, m image, name string) Arg {
	t.Helper()
	m.sections = append(m.sections, notes(noteSpec{textAddr, 0, 0, "p", "n", "8@%rax 4@" + name + "(%rip)"}))
	return parseImage(t, m).Find("p", "n").Sites[0].Args[1]
}

func TestSymbolsAreResolvedAgainstTheSite(t *testing.T) {
	object := func(name string, address uint64) testSymbol {
		return testSymbol{name: name, address: address, kind: elf.STT_OBJECT}
	}
	tail := image{symbols: []testSymbol{object("a_long_counter", dataAddr)}}
	for _, c := range []struct {
		name  string
		image image
		disp  int64
	}{
		{"in .symtab", image{symbols: []testSymbol{object("other", 1), object("counter", dataAddr+8)}}, dataAddr + 8 - textAddr},
		{"in .dynsym of a position-independent file", image{kind: elf.ET_DYN, dynamic: true, symbols: []testSymbol{object("counter", dataAddr+8)}}, dataAddr + 8 - textAddr},
		{"below the site", image{symbols: []testSymbol{object("counter", textAddr-8)}}, -8},
		{"with a version", image{symbols: []testSymbol{object("counter@@V_1", dataAddr)}}, dataAddr - textAddr},
		{"twice at one address", image{symbols: []testSymbol{object("counter", dataAddr), object("counter", dataAddr)}}, dataAddr - textAddr},
		{"beside an undefined one", image{symbols: []testSymbol{object("counter", dataAddr), {name: "counter", kind: elf.STT_OBJECT, section: undefined}}}, dataAddr - textAddr},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := symbolArg(t, c.image, "counter")
			if got.Kind != Memory || got.Base != RIP || got.Disp != c.disp {
				t.Errorf("got %+v, want a displacement of %d", got, c.disp)
			}
		})
	}
	t.Run("by a name that ends another one's string", func(t *testing.T) {
		m := tail
		m.symbols = append(m.symbols, object("unused", 4))
		if got := symbolArg(t, m, "counter"); got.Kind != Unavailable {
			t.Errorf("a_long_counter was taken for counter: %+v", got)
		}
	})
}

func TestSymbolsThatAreNotCertainAreUnavailable(t *testing.T) {
	for _, c := range []struct {
		name    string
		symbols []testSymbol
		want    string
	}{
		{"no symbol table", nil, "not in the file's symbol tables"},
		{"another symbol", []testSymbol{{"count", dataAddr, elf.STT_OBJECT, 0}}, "not in the file's symbol tables"},
		{"a symbol of another file", []testSymbol{{"counter", 0, elf.STT_OBJECT, undefined}}, "not in the file's symbol tables"},
		{"a number with a name", []testSymbol{{"counter", 8, elf.STT_OBJECT, elf.SHN_ABS}}, "not in the file's symbol tables"},
		{"a thread-local symbol", []testSymbol{{"counter", 8, elf.STT_TLS, 0}}, "not in the file's symbol tables"},
		{"static variables of two C files", []testSymbol{{"counter", dataAddr, elf.STT_OBJECT, 0}, {"counter", dataAddr + 8, elf.STT_OBJECT, 0}}, "several symbols"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := symbolArg(t, image{symbols: c.symbols}, "counter")
			if got.Kind != Unavailable || !strings.Contains(got.Reason, c.want) {
				t.Errorf("got %+v, want the reason %q", got, c.want)
			}
		})
	}
}

func TestNamesThatShareAStringAreFound(t *testing.T) {
	m := image{symbols: []testSymbol{{"a_long_counter", dataAddr, elf.STT_OBJECT, 0}, {"x", dataAddr + 4, elf.STT_OBJECT, 0}}}
	sections := m.allSections()
	entries := sections[0].data
	entries[2*elf.Sym64Size] = byte(1 + len("a_long_")) // x now has the name counter
	m.symbols, m.sections = nil, append(sections[:0:0], sections...)
	got := symbolArg(t, m, "counter")
	if got.Kind != Memory || got.Disp != dataAddr+4-textAddr {
		t.Errorf("got %+v", got)
	}
}

func TestDamagedSymbolTablesMakeArgumentsUnavailable(t *testing.T) {
	table := func(link uint32, data []byte) []testSection {
		return []testSection{
			{name: ".symtab", kind: elf.SHT_SYMTAB, link: link, data: make([]byte, 48)},
			{name: ".strtab", kind: elf.SHT_STRTAB, data: data},
		}
	}
	for _, c := range []struct {
		name     string
		sections []testSection
		want     string
	}{
		{"a string table that does not exist", table(99, nil), "string table 99 does not exist"},
		{"a string table that repeats the name", table(2, []byte(strings.Repeat("c\x00", 1<<16+2))), "above the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := symbolArg(t, image{sections: c.sections}, "c")
			if got.Kind != Unavailable || !strings.Contains(got.Reason, c.want) {
				t.Errorf("got %+v, want the reason %q", got, c.want)
			}
		})
	}
}

func TestSymbolNamesAreBoundedInAll(t *testing.T) {
	var specs []noteSpec
	for i := range uint64(maxWantedBytes/4000 + 1) {
		name := strings.Repeat(string(rune('a'+i)), 4000)
		specs = append(specs, noteSpec{textAddr + i, 0, 0, "p", "n", "4@" + name + "(%rip)"})
	}
	sites := parseImage(t, image{sections: []testSection{notes(specs...)}}).Find("p", "n").Sites
	if got := sites[0].Args[0].Reason; !strings.Contains(got, "not in the file's symbol tables") {
		t.Errorf("first argument: %s", got)
	}
	if got := sites[len(sites)-1].Args[0].Reason; !strings.Contains(got, "above the limit") {
		t.Errorf("last argument: %s", got)
	}
}
