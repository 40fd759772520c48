// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/accessor"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// assembled is a program of functions in machine code of x86-64, by name.
type assembled struct {
	addresses map[string]uint64
	code      map[uint64][]byte
}

// assemble places functions, whose code is hexadecimal, 256 bytes apart.
func assemble(t testing.TB, functions map[string]string) *assembled {
	t.Helper()
	p := &assembled{addresses: make(map[string]uint64), code: make(map[uint64][]byte)}
	next := uint64(0x1000)
	for name, text := range functions {
		code, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		p.addresses[name], p.code[next] = next, code
		next += 0x100
	}
	return p
}

func (p *assembled) machine() elf.Machine { return elf.EM_X86_64 }

func (p *assembled) function(name string) (elf.Symbol, bool) {
	address, ok := p.addresses[name]
	return elf.Symbol{Name: name, Value: address}, ok
}

func (p *assembled) variable(name string) (uint64, bool) {
	return p.addresses[name], p.addresses[name] != 0
}

func (p *assembled) has(name string) bool { return p.addresses[name] != 0 }

func (p *assembled) At(address uint64, n int) ([]byte, error) {
	start := address &^ 0xff
	code := p.code[start]
	if at := address - start; at < uint64(len(code)) {
		code = code[at:]
		return code[:min(n, len(code))], nil
	}
	return nil, errors.New("nothing is there")
}

// server has the functions of a session, as a compiler makes them.
var server = map[string]string{
	"id":       "8b 87 d0 25 00 00 c3",                                                    // mov 0x25d0(%rdi),%eax
	"account":  "48 85 f6 74 0d 48 8b 87 00 18 00 00 48 89 06 31 c0 c3 b8 01 00 00 00 c3", // *out = 0x1800(%rdi)
	"name":     "48 8b 07 48 8b 57 08 c3",                                                 // mov (%rdi),%rax; mov 8(%rdi),%rdx
	"failed":   "48 8b 87 a0 33 00 00 83 b8 8c 00 00 00 03 0f 94 c0 c3",                   // [[p+0x33a0]+0x8c] == 3
	"beyond":   "48 8b 87 a0 33 00 00 83 b8 8c 00 00 00 03 0f 97 c0 c3",                   // the same, above 3
	"fail":     "89 b7 9c 02 00 00 c3",                                                    // mov %esi,0x29c(%rdi)
	"disable":  "c7 87 24 02 00 00 04 00 00 00 c3",                                        // movl $4,0x224(%rdi)
	"database": "48 8b 47 68 48 8b 80 58 05 00 00 c3",                                     // [[p+0x68]+0x558]
	"member":   "48 8d 87 a0 00 00 00 c3",                                                 // lea 0xa0(%rdi),%rax
	"behind":   "48 8b 87 e0 62 00 00 48 83 c0 1a c3",                                     // [p+0x62e0]+0x1a
	"deep":     "48 8b 07 48 8b 40 08 48 8b 40 10 48 8b 40 18 c3",                         // four loads
	"signed":   "48 63 47 10 c3",                                                          // movslq 0x10(%rdi),%rax
	"narrow":   "0f b7 47 04 c3",                                                          // movzwl 4(%rdi),%eax
	"loop":     "48 8b 07 eb fb c3",
	"handover": "55 48 8d bf 90 03 00 00 e8 f3 ff ff ff 5d c3",    // f(p+0x390)
	"loads":    "55 48 8b 7f 08 e8 f6 ff ff ff 5d c3",             // f([p+8])
	"copy":     "55 48 8d 76 06 48 8d 7f 26 e8 f2 ff ff ff 5d c3", // f(p+0x26, q+6)
}

func follow(t *testing.T, paths string, name string) (*lead, error) {
	t.Helper()
	const rest = `
profile: p
match: {executables: [p]}
operations:
  query:
    tiers: [{tier: uprobe, start: {probe: "uprobe:exe:f"}, done: {probe: "uprobe:exe:g", args: {session: 0}}}]
paths:
`
	profile, err := catalog.Parse("p.yaml", []byte(rest+paths))
	if err != nil {
		t.Fatal(err)
	}
	return newLeads(assemble(t, server), profile.Paths).follow(name)
}

func TestPathsLeadThroughTheFunctionsOfAProgram(t *testing.T) {
	chain := func(size uint8, offsets ...int32) accessor.Chain { return accessor.Chain{Size: size, Offsets: offsets} }
	for _, test := range []struct {
		name, paths string
		want        lead
	}{
		{"a getter", "  x: {of: session, getter: id}", lead{chain: chain(4, 0x25d0)}},
		{"behind what is stored elsewhere", "  a: {of: session, getter: account, out: true}\n  x: {of: a, getter: name}",
			lead{chain: chain(8, 0x1800, 0)}},
		{"the second register", "  x: {of: session, getter: name, result: 1}", lead{chain: chain(8, 8)}},
		{"a comparison", "  x: {of: session, predicate: failed}", lead{chain: chain(4, 0x33a0, 0x8c), compares: true, equals: 3}},
		{"what is compared", "  x: {of: session, predicate: failed, take: 2}", lead{chain: chain(4, 0x33a0, 0x8c)}},
		{"what is compared with more than one number", "  x: {of: session, predicate: beyond, take: 2}", lead{chain: chain(4, 0x33a0, 0x8c)}},
		{"the structure on the way", "  x: {of: session, predicate: failed, take: 1}", lead{chain: chain(8, 0x33a0)}},
		{"a setter behind it", "  a: {of: session, predicate: failed, take: 1}\n  x: {of: a, setter: fail, argument: 1}",
			lead{chain: chain(4, 0x33a0, 0x29c)}},
		{"the place of a field", "  x: {of: session, setter: fail, argument: 1, address: true}", lead{chain: accessor.Chain{Add: 0x29c, Size: 8}}},
		{"the field of a constant", "  x: {of: session, setter: disable, constant: true}", lead{chain: chain(4, 0x224)}},
		{"the way behind a load", "  x: {of: session, getter: database, skip: 1}", lead{chain: chain(8, 0x558)}},
		{"the address of a member", "  x: {of: session, getter: member}", lead{chain: accessor.Chain{Add: 0xa0, Size: 8}}},
		{"a load from a member", "  a: {of: session, getter: member}\n  x: {of: a, getter: name, result: 1}", lead{chain: chain(8, 0xa8)}},
		{"a member behind a pointer", "  x: {of: session, getter: behind}", lead{chain: accessor.Chain{Offsets: []int32{0x62e0}, Add: 0x1a, Size: 8}}},
		{"a member of a member", "  a: {of: session, getter: behind}\n  x: {of: a, getter: member}",
			lead{chain: accessor.Chain{Offsets: []int32{0x62e0}, Add: 0xba, Size: 8}}},
		{"only the address behind a load", "  x: {of: session, getter: behind, skip: 1}", lead{chain: accessor.Chain{Add: 0x1a, Size: 8}}},
		{"the structure around a part", "  a: {of: session, in: handover, argument: 0, around: true}\n  x: {of: a, getter: id}",
			lead{chain: chain(4, 0x25d0-0x390)}},
		{"behind another argument", "  x: {of: session, in: copy, argument: 1, from: 1}", lead{chain: accessor.Chain{Add: 6, Size: 8}}},
		{"a signed number", "  x: {of: session, getter: signed}", lead{chain: accessor.Chain{Offsets: []int32{0x10}, Size: 4, Signed: true}}},
		{"the first way that decodes", "  x: [{of: session, getter: gone}, {of: session, getter: loop}, {of: session, getter: id}]",
			lead{chain: chain(4, 0x25d0)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := follow(t, test.paths, "x")
			if err != nil {
				t.Fatal(err)
			}
			test.want.root = "session"
			if diff := cmp.Diff(&test.want, got, cmp.AllowUnexported(lead{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPathsThatLeadNowhereSayWhy(t *testing.T) {
	for _, test := range []struct{ name, paths, want string }{
		{"a function that is not there", "  x: {of: session, getter: gone}", "gone is not exported"},
		{"code that does not decode", "  x: {of: session, getter: loop}", "loop: not decoded"},
		{"every way", "  x: [{of: session, getter: gone}, {of: session, setter: id, argument: 1}]", "gone is not exported, id: "},
		{"a second value that is not there", "  x: {of: session, getter: account, out: true, result: 1}", "account: it gives 1 values"},
		{"an argument that is not stored", "  x: {of: session, setter: fail, argument: 2}", "fail: argument 2 is not stored"},
		{"a variable that is not there", "  x: {of: session, in: fail, variable: gone, argument: 0}", "gone is not exported"},
		{"a constant that is not stored", "  x: {of: session, setter: fail, constant: true}", "fail: it does not store one constant"},
		{"a comparison with more than one number", "  x: {of: session, predicate: beyond}", "beyond: its comparison is not with one number"},
		{"what is behind another argument", "  x: {of: session, in: copy, argument: 1}", "copy: what it hands over is not known"},
		{"the structure around no part of it", "  x: {of: session, in: loads, argument: 0, around: true}", "loads: what it hands over is no part"},
		{"more loads than there are", "  x: {of: session, getter: id, take: 2}", "id: it loads 1 times only"},
		{"nothing that is left", "  x: {of: session, getter: id, skip: 1}", "id: it loads 1 times only"},
		{"more loads than the kernel side follows", "  a: {of: session, getter: deep}\n  x: {of: a, getter: id}", "the path is too long"},
		{"what is no pointer", "  a: {of: session, getter: id}\n  x: {of: a, getter: name}", "is no pointer"},
		{"a path that leads nowhere", "  a: {of: session, getter: gone}\n  x: {of: a, getter: name}", "gone is not exported"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := follow(t, test.paths, "x")
			if err == nil {
				t.Fatalf("it leads to %+v", got)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want it to contain %q", err, test.want)
			}
		})
	}
}

// Profiles have no circles and nothing behind comparisons: here they were made by hand.
func TestCirclesOfPathsEnd(t *testing.T) {
	paths := catalog.Paths{
		{Name: "a", Ways: []*catalog.Way{{Of: "b", Getter: "id"}}},
		{Name: "b", Ways: []*catalog.Way{{Of: "a", Getter: "id"}}},
		{Name: "failed", Ways: []*catalog.Way{{Of: "session", Predicate: "failed"}}},
		{Name: "c", Ways: []*catalog.Way{{Of: "failed", Getter: "id"}}},
	}
	l := newLeads(assemble(t, server), paths)
	for range 2 { // the second answer is remembered
		if _, err := l.follow("a"); err == nil || !strings.Contains(err.Error(), "leads in a circle") {
			t.Errorf("a circle: %v", err)
		}
		if _, err := l.follow("c"); err == nil || !strings.Contains(err.Error(), "nothing lies behind it") {
			t.Errorf("behind a comparison: %v", err)
		}
	}
}

func TestALeadGoesOnFromAnArgument(t *testing.T) {
	register := bpf.ProgramsArg{Kind: argReg, Size: 4, IsSigned: 1, Base: 5}
	for _, test := range []struct {
		name  string
		chain accessor.Chain
		want  bpf.ProgramsArg
	}{
		{"by loads", accessor.Chain{Offsets: []int32{8, -16}, Size: 2, Signed: true},
			bpf.ProgramsArg{Kind: argReg, Base: 5, Size: 2, IsSigned: 1, Loads: 2, Offsets: [4]int32{8, -16}}},
		{"to an address", accessor.Chain{Add: 0xa0, Size: 8}, bpf.ProgramsArg{Kind: argReg, Base: 5, Size: 8, Add: 0xa0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := (&lead{chain: test.chain}).from(register)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, ignoreLayout); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if _, err := (&lead{chain: accessor.Chain{Add: 1 << 40}}).from(register); err == nil {
		t.Error("an address that is too far was accepted")
	}
	register.Loads = 1
	if _, err := (&lead{}).from(register); err == nil {
		t.Error("a path began behind loads")
	}
}
