// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bytes"
	"debug/elf"
	"strings"
	"testing"
)

var machines = []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64}

// FuzzParseArgs checks that arguments are bounded, that each is in its place,
// and that the canonical form of each reads back equal.
func FuzzParseArgs(f *testing.F) {
	for _, s := range []string{
		"-4@%esi -4@-24(%rbp) 1@%ah 2@%ax 8@%rdx 4@$-5",
		"8@(%rax,%rbx,8) 8@-8(,%rcx,2) 8@foo(,%rdx,4) -4@8+foo(%rip) 4@foo-4(%rip) 8@$foo",
		`8f@%xmm0 4@%fs:tl@tpoff 8@foo@GOTPCREL(%rip) 4@"odd name"(%rip) 4@.-1(%rip)`,
		"-4@[sp, 12] 8@x0 4@w30 8@[x0, x1, lsl 3] 4@5 4@#-1 4@[x0, #:lo12:foo] 8@xzr",
		":", "", "8@(", "8@]", `"`, "@", "9@", "8@$", "8@0x", "8@foo+", "8@,", "8@(,)", "8@(,,)",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, fixed bool) {
		for _, machine := range machines {
			at := testPlace(fixed)
			args, err := ParseArgs(machine, s, at)
			if err != nil {
				if args != nil {
					t.Fatalf("arguments beside the error %v", err)
				}
				continue
			}
			if len(args) > MaxArgs {
				t.Fatalf("%d arguments", len(args))
			}
			rest := s
			for _, a := range args {
				i := strings.Index(rest, a.Text)
				if i < 0 || strings.Trim(rest[:i], " \t") != "" {
					t.Fatalf("%q is not next in %q", a.Text, rest)
				}
				rest = rest[i+len(a.Text):]
				checkArg(t, a)
				checkRoundTrip(t, machine, a, at)
			}
			if s != ":" && strings.Trim(rest, " \t") != "" {
				t.Fatalf("%q is left of %q", rest, s)
			}
		}
	})
}

// checkArg checks what the kernel side relies on.
func checkArg(t *testing.T, a Arg) {
	t.Helper()
	if (a.Kind == Unavailable) != (a.Reason != "") {
		t.Fatalf("kind and reason disagree: %+v", a)
	}
	if a.Kind == Unavailable {
		return
	}
	register := func(r Register) bool { return r >= 0 && r <= SP }
	ok := a.Size == 1 || a.Size == 2 || a.Size == 4 || a.Size == 8
	switch a.Kind {
	case InRegister, Memory:
		ok = ok && register(a.Base)
	case Indexed:
		ok = ok && (register(a.Base) || a.Base == NoRegister) && register(a.Index) && a.Shift <= 4
	}
	if !ok || (a.High && (a.Size != 1 || a.Base > RBX)) {
		t.Fatalf("out of range: %+v", a)
	}
}

// FuzzParse hands any bytes to the parser.
func FuzzParse(f *testing.F) {
	note := notes(
		noteSpec{textAddr, 0x10, dataAddr, "p", "n", "8@%rdi 4@counter+4(%rip)"},
		noteSpec{textAddr + 4, 0x10, 0, "p", "n", "8@%rdi 8f@%xmm1"},
	)
	symbols := []testSymbol{{"counter", dataAddr + 8, elf.STT_OBJECT, 0}}
	for _, m := range []image{
		{},
		{sections: []testSection{note}},
		{sections: []testSection{note}, symbols: symbols},
		{kind: elf.ET_DYN, base: 0x10, sections: []testSection{note, note}, symbols: symbols, dynamic: true},
		{machine: elf.EM_AARCH64, sections: []testSection{notes(noteSpec{textAddr, 0, 0, "p", "n", "8@[x0, 8]"})}},
	} {
		f.Add(m.build(f))
	}
	f.Fuzz(checkFile)
}

// FuzzNotes is FuzzParse with a sound file around any notes and symbol names.
func FuzzNotes(f *testing.F) {
	note := noteSpec{textAddr, 0x10, dataAddr, "p", "n", "8@%rdi 4@counter+4(%rip)"}.encode()
	f.Add(note, "\x00counter\x00", uint8(4), true)
	f.Add(append(note, note...), "\x00a_counter\x00", uint8(8), false)
	f.Add(rawNote("GNU\x00", 3, []byte("build"), 8), "", uint8(8), true)
	f.Fuzz(func(t *testing.T, data []byte, names string, align uint8, x86 bool) {
		m := image{base: 0x20, machine: elf.EM_AARCH64}
		if x86 {
			m.machine = elf.EM_X86_64
		}
		entry := make([]byte, 2*elf.Sym64Size)
		copy(entry[elf.Sym64Size:], []byte{1, 0, 0, 0, byte(elf.STT_OBJECT), 0, 1, 0, 0, 0x20, 0x60})
		m.sections = []testSection{
			{name: noteSection, kind: elf.SHT_NOTE, align: uint64(align), data: data},
			{name: ".symtab", kind: elf.SHT_SYMTAB, data: entry, link: 3},
			{name: ".strtab", kind: elf.SHT_STRTAB, data: []byte(names)},
		}
		checkFile(t, m.build(t))
	})
}

// checkFile checks that bytes give either an error or sites that can be
// attached to.
func checkFile(t *testing.T, raw []byte) {
	file, err := ParseReaderAt(bytes.NewReader(raw))
	if err != nil {
		if file != nil {
			t.Fatalf("a file beside the error %v", err)
		}
		return
	}
	for i := range file.Probes {
		p := &file.Probes[i]
		if len(p.Sites) == 0 || file.Find(p.Provider, p.Name) != p {
			t.Fatalf("probe %s:%s is empty or not found", p.Provider, p.Name)
		}
		for _, s := range p.Sites {
			checkSite(t, raw, s)
		}
	}
	for _, fault := range file.Faults {
		if fault.Err == nil || !strings.Contains(file.Err().Error(), fault.Error()) {
			t.Fatalf("fault %+v has no reason", fault)
		}
	}
}

func checkSite(t *testing.T, raw []byte, s Site) {
	t.Helper()
	if s.Offset >= uint64(len(raw)) || !bytes.HasPrefix(raw[s.Offset:], s.Instruction.Bytes) || len(s.Instruction.Bytes) == 0 {
		t.Fatalf("instruction is not in the file: %+v", s)
	}
	if (s.Semaphore == 0) != (s.SemaphoreAddress == 0) || s.Semaphore%2 != 0 {
		t.Fatalf("bad semaphore: %+v", s)
	}
	if len(s.Args) > MaxArgs || (s.ArgsErr != nil && s.Args != nil) {
		t.Fatalf("bad arguments: %+v", s)
	}
	for _, a := range s.Args {
		checkArg(t, a)
	}
}
