// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// callee is the function that the programs of the tests call, and caller where
// the one begins that does.
const (
	callee = text
	caller = text + 0x100
)

// to is a displacement of four bytes from its end, which is at an address.
func to(target, end uint64) string {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(target-end))
	return hex.EncodeToString(b[:])
}

// calling is a program in which one function consists of that code.
func calling(code string) *program {
	return &program{
		code:      map[uint64]string{callee: "c3", caller: code},
		functions: []extent{{callee, 1}, {caller, uint64(len(strings.Join(strings.Fields(code), "")) / 2)}},
	}
}

func find(t *testing.T, p *program) *Result {
	t.Helper()
	f := p.build(t)
	r := Find(f, []uint64{callee})[callee]
	for _, s := range r.Sites {
		if !Confirm(f, s) {
			t.Errorf("no call is at %+v", s)
		}
	}
	if r.Err != nil && !errors.Is(r.Err, ErrRefused) {
		t.Errorf("%v is no refusal", r.Err)
	}
	return r
}

func TestCallsOfX86AreFound(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       []Site
	}{
		{"call", `f3 0f 1e fa 55 e8 ` + to(callee, caller+10) + ` 5d c3`, []Site{{caller + 5, caller, callee, false}}},
		{"jump in the last place", `31 ff e9 ` + to(callee, caller+7), []Site{{caller + 2, caller, callee, true}}},
		{"call that a linker has relaxed", `67 e8 ` + to(callee, caller+6) + ` c3`, []Site{{caller, caller, callee, false}}},
		{"call with a prefix", `f2 e8 ` + to(callee, caller+6) + ` c3`, []Site{{caller, caller, callee, false}}},
		{"call behind AVX-512", `62 f1 7c 48 10 07 e8 ` + to(callee, caller+11) + ` c3`, []Site{{caller + 6, caller, callee, false}}},
		{"two", `e8 ` + to(callee, caller+5) + ` e9 ` + to(callee, caller+10),
			[]Site{{caller, caller, callee, false}, {caller + 5, caller, callee, true}}},
		{"call of another function", `e8 ` + to(callee+0x10, caller+5) + ` c3`, nil},
		{"constant that looks like a call", `48 b8 e8 ` + to(callee, caller+7) + ` 00 00 00 c3`, nil},
		{"address that is taken", `48 8d 3d ` + to(callee, caller+7) + ` c3`, nil},
		{"jump by a condition elsewhere", `0f 84 ` + to(caller, caller+6) + ` c3`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := find(t, calling(test.code))
			if diff := cmp.Diff(test.want, r.Sites); diff != "" || r.Err != nil {
				t.Errorf("%v\n%s", r.Err, diff)
			}
		})
	}
}

func TestWhatIsNotCertainIsRefused(t *testing.T) {
	call := `e8 ` + to(callee, caller+5) + ` c3`
	unknown := `06 e8 ` + to(callee, caller+6) + ` c3` // push es, which is none in 64 bits
	outside := calling(call)
	outside.functions = outside.functions[:1]
	short := calling(call)
	short.functions[1].size = 4
	var calls strings.Builder
	for i := range uint64(MaxSites + 1) {
		calls.WriteString(`e8 ` + to(callee, caller+5*i+5))
	}
	without := calling(call)
	without.noIndex = true
	odd := calling(call)
	odd.augmentation, odd.encoding = "zR", 0x0a // two bytes
	long := calling(call)
	long.functions[1].size = maxFunction + 1
	var constants strings.Builder // which look like calls, in a long function
	for i := range uint64(100) {
		constants.WriteString(`48 b8 e8 ` + to(callee, caller+10*i+7) + ` 00 00 00`)
	}
	decoys := calling(constants.String())
	decoys.functions[1].size, decoys.size = maxFunction, 2*maxFunction
	riscV := calling(call)
	riscV.machine = elf.EM_RISCV
	for name, test := range map[string]struct {
		p    *program
		want string
	}{
		"in no function":                        {outside, "it is in no function that .eh_frame knows"},
		"one that the end of its function cuts": {short, "an instruction there or before, at 0x401100, is not known"},
		"behind what is not known":              {calling(unknown), "an instruction there or before, at 0x401100, is not known"},
		"a jump on a condition":                 {calling(`0f 84 ` + to(callee, caller+6) + ` c3`), "depends on a condition"},
		"too many":                              {calling(calls.String()), "more than 64"},
		"a program without bounds":              {without, "no .eh_frame_hdr"},
		"bounds of another form":                {odd, "pointers of the encoding 0xa"},
		"a function that is much too long":      {long, "more than 1048576"},
		"too much to decode":                    {decoys, "more than 16777216 bytes"},
		"a machine that is not served":          {riscV, "code of EM_RISCV is not served"},
	} {
		t.Run(name, func(t *testing.T) {
			r := find(t, test.p)
			if r.Err == nil || len(r.Sites) > 0 || !strings.Contains(r.Err.Error(), test.want) {
				t.Errorf("got %v, %v, want an error with %q", r.Sites, r.Err, test.want)
			}
		})
	}
}

// One after the other, so that the distance is told in one byte.
func TestShortJumpsOfX86AreFound(t *testing.T) {
	const near = callee + 0x10
	for name, test := range map[string]struct {
		code, own string
		want      []Site
		refused   bool
	}{
		"in the last place": {`ff c0 eb ec`, `c3`, []Site{{near + 2, near, callee, true}}, false},
		"on a condition":    {`ff c0 74 ec c3`, `c3`, nil, true},
		"a loop":            {`c3`, `ff c8 75 fc eb fa`, nil, false},
		"a constant":        {`b0 eb b0 ec c3`, `c3`, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := find(t, &program{code: map[uint64]string{callee: test.own, near: test.code}, functions: []extent{{callee, 6}, {near, 5}}})
			if diff := cmp.Diff(test.want, r.Sites); diff != "" || (r.Err != nil) != test.refused {
				t.Errorf("%v\n%s", r.Err, diff)
			}
		})
	}
}

func TestBoundsAreReadInTheFormsThatCompilersWrite(t *testing.T) {
	for _, form := range []struct {
		augmentation string
		encoding     byte
	}{
		{"zR", 0x1b}, {"zPLR", 0x1b}, {"zRS", 0x1b}, {"zR", 0x1c}, {"zR", 0x10}, {"zR", 0x00}, {"zR", 0x03}, {"z", 0x00}, {"zRB", 0x1b},
	} {
		p := calling(`e8 ` + to(callee, caller+5) + ` c3`)
		p.augmentation, p.encoding = form.augmentation, form.encoding
		if r := find(t, p); r.Err != nil || len(r.Sites) != 1 {
			t.Errorf("%s with pointers of the encoding %#x: %v, %v", form.augmentation, form.encoding, r.Sites, r.Err)
		}
	}
}

// slot is where the global offset table is, and stub an entry of the procedure
// linkage table.
const (
	slot = base + 0x2800
	stub = text + 0x800
)

// linked adds both, with what fills the slot.
func linked(p *program, entry string, filled section, with string) *program {
	p.sections = []section{
		{".got", elf.SHT_PROGBITS, elf.SHF_ALLOC | elf.SHF_WRITE, extent{slot, 8}},
		{".plt.sec", elf.SHT_PROGBITS, elf.SHF_ALLOC | elf.SHF_EXECINSTR, extent{stub, 16}},
		{".dynsym", elf.SHT_DYNSYM, elf.SHF_ALLOC, extent{base + 0x2900, 48}},
	}
	p.code[base+0x2900] = words(0, 0, 0, 0x1_00_12_00000001, callee, 1)
	p.code[stub] = entry
	if filled.name != "" {
		p.sections = append(p.sections, filled)
	}
	p.code[filled.start] = with
	p.functions = append(p.functions, extent{stub, 16})
	return p
}

func TestCallsOfX86ByWayOfTheLinkageTableAreFound(t *testing.T) {
	relocation := section{".rela.plt", elf.SHT_RELA, elf.SHF_ALLOC, extent{base + 0x2a00, 24}}
	contents := section{extent: extent{slot, 8}}
	bySymbol := func(kind elf.R_X86_64) string { return words(slot, 1<<32|uint64(kind), 0) }
	plain := `ff 25 ` + to(slot, stub+6)
	protected := `f3 0f 1e fa f2 ff 25 ` + to(slot, stub+11)
	byStub := `e8 ` + to(stub, caller+5) + ` c3`
	bySlot := `ff 15 ` + to(slot, caller+6) + ` c3`
	for _, test := range []struct {
		name, code, entry string
		filled            section
		with              string
		target            uint64
	}{
		{"call of an entry", byStub, plain, relocation, bySymbol(elf.R_X86_64_JMP_SLOT), stub},
		{"call of an entry with branch protection", byStub, protected, relocation, bySymbol(elf.R_X86_64_JMP_SLOT), stub},
		{"call by a slot", bySlot, plain, relocation, bySymbol(elf.R_X86_64_GLOB_DAT), slot},
		{"jump by a slot", `ff 25 ` + to(slot, caller+6), plain, relocation, bySymbol(elf.R_X86_64_GLOB_DAT), slot},
		{"call by a slot that is moved", bySlot, plain, relocation, words(slot, uint64(elf.R_X86_64_RELATIVE), callee), slot},
		{"call by a slot that is filled", bySlot, plain, contents, words(callee), slot},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := find(t, linked(calling(test.code), test.entry, test.filled, test.with))
			want := []Site{{caller, caller, test.target, strings.HasPrefix(test.code, "ff 25")}}
			if diff := cmp.Diff(want, r.Sites); diff != "" || r.Err != nil {
				t.Errorf("%v\n%s", r.Err, diff)
			}
		})
	}
	for name, with := range map[string]string{
		"a slot of another symbol": words(slot, 2<<32|uint64(elf.R_X86_64_GLOB_DAT), 0),
		"a slot of a copy":         words(slot, 1<<32|uint64(elf.R_X86_64_COPY), 0),
		"a pointer in data":        words(slot+64, uint64(elf.R_X86_64_RELATIVE), callee),
	} {
		t.Run(name, func(t *testing.T) {
			code := bySlot
			if name == "a pointer in data" {
				code = `ff 15 ` + to(slot+64, caller+6) + ` c3`
			}
			if r := find(t, linked(calling(code), plain, relocation, with)); r.Err != nil || len(r.Sites) > 0 {
				t.Errorf("found %v, %v", r.Sites, r.Err)
			}
		})
	}
}

// instructions are those of arm64 as hexadecimal text.
func instructions(numbers ...uint32) string {
	var b bytes.Buffer
	put(&b, numbers)
	return hex.EncodeToString(b.Bytes())
}

func TestCallsOfARM64AreFound(t *testing.T) {
	const bl, b, bti, push = 0x94000000, 0x14000000, 0xd503245f, 0xa9bf7bfd
	branch := func(opcode uint32, at, target uint64) uint32 { return opcode | uint32(target-at)>>2&0x3ffffff }
	p := calling(instructions(push, branch(bl, caller+4, callee), branch(b, caller+8, callee), branch(bl, caller+12, stub)))
	p.machine = elf.EM_AARCH64
	// adrp x16, ldr x17, add x16, br x17
	entry := instructions(bti, 0x90000010|1<<29, 0xf9400211|(slot&0xfff)/8<<10, 0x91200210, 0xd61f0220)
	r := find(t, linked(p, entry, section{extent: extent{slot, 8}}, words(callee)))
	want := []Site{{caller + 4, caller, callee, false}, {caller + 8, caller, callee, true}, {caller + 12, caller, stub, false}}
	if diff := cmp.Diff(want, r.Sites); diff != "" || r.Err != nil {
		t.Errorf("%v\n%s", r.Err, diff)
	}
	for name, conditional := range map[string]uint32{
		"b.eq": 0x54000000 | uint32(-0x100&0x1fffff)>>2<<5, "cbz": 0xb4000000 | uint32(-0x100&0x1fffff)>>2<<5,
		"tbnz": 0x37000000 | uint32(-0x100&0xffff)>>2<<5,
	} {
		p := calling(instructions(conditional))
		p.machine = elf.EM_AARCH64
		if r := find(t, p); r.Err == nil {
			t.Errorf("%s: found %v", name, r.Sites)
		}
	}
}

func TestCallsAreFoundWhereverReadingDividesThem(t *testing.T) {
	for shift := range uint64(12) {
		at := uint64(base + chunk - 8 + shift)
		p := &program{
			code:      map[uint64]string{callee: "c3", at: `e8 ` + to(callee, at+5)},
			functions: []extent{{callee, 1}, {at, 5}},
			size:      2 << 20,
		}
		if r := find(t, p); r.Err != nil || len(r.Sites) != 1 || r.Sites[0].Address != at {
			t.Errorf("%d bytes from the division: %v, %v", int(shift)-8, r.Sites, r.Err)
		}
	}
}

func TestNoCallIsConfirmedWhereThereIsNone(t *testing.T) {
	f := calling(`55 e8 ` + to(callee, caller+6) + ` c3`).build(t)
	good := Site{caller + 1, caller, callee, false}
	if !Confirm(f, good) {
		t.Fatal("a call is not confirmed")
	}
	for _, s := range []Site{
		{caller, caller, callee, false}, {caller + 2, caller, callee, false}, {caller + 1, caller, callee + 1, false},
		{caller + 1, caller, callee, true}, {0x10, 0, callee, false}, {base + 0x3fff, caller, callee, false},
	} {
		if Confirm(f, s) {
			t.Errorf("confirmed %+v", s)
		}
	}
}
