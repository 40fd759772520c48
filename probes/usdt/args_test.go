// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// testPlace is a site at 0x1000 in a file that knows foo at 0x5008 and far
// at 0x10.
func testPlace(fixed bool) *Place {
	return &Place{
		Address: 0x1000,
		Fixed:   fixed,
		Symbol: func(name string) (uint64, error) {
			switch name {
			case "foo", "odd name", ".hidden", "a$b":
				return 0x5008, nil
			case "far":
				return 0x10, nil
			}
			return 0, fmt.Errorf("look up %s: not in the file's symbol tables", name)
		},
	}
}

type argCase struct {
	name string
	text string
	want Arg // without Text
}

func runArgCases(t *testing.T, machine elf.Machine, at *Place, cases []argCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseArgs(machine, c.text, at)
			if err != nil {
				t.Fatal(err)
			}
			c.want.Text = c.text
			if diff := cmp.Diff([]Arg{c.want}, got); diff != "" {
				t.Fatalf("ParseArgs(%q) (-want +got):\n%s", c.text, diff)
			}
			checkRoundTrip(t, machine, got[0], at)
		})
	}
}

// checkRoundTrip formats an argument and parses it again.
func checkRoundTrip(t *testing.T, machine elf.Machine, a Arg, at *Place) {
	t.Helper()
	text := a.Format(machine)
	again, err := ParseArgs(machine, text, at)
	if err != nil {
		t.Fatalf("parse %q, formatted from %q: %v", text, a.Text, err)
	}
	if diff := cmp.Diff([]Arg{a}, again, cmpopts.IgnoreFields(Arg{}, "Text")); diff != "" {
		t.Fatalf("%q became %q (-want +got):\n%s", a.Text, text, diff)
	}
}

func TestX86OperandsAreDecoded(t *testing.T) {
	runArgCases(t, elf.EM_X86_64, testPlace(false), []argCase{
		{"a positive constant", "4@$5", Arg{Kind: Const, Size: 4, Disp: 5}},
		{"a negative constant", "-4@$-1", Arg{Kind: Const, Size: 4, Signed: true, Disp: -1}},
		{"a hexadecimal constant", "8@$0x7f", Arg{Kind: Const, Size: 8, Disp: 0x7f}},
		{"the greatest unsigned constant", "8@$18446744073709551615", Arg{Kind: Const, Size: 8, Disp: -1}},
		{"the least signed constant", "-8@$-9223372036854775808", Arg{Kind: Const, Size: 8, Signed: true, Disp: -1 << 63}},
		{"a leading zero is decimal", "4@$010", Arg{Kind: Const, Size: 4, Disp: 10}},
		{"an 8-bit register", "1@%al", Arg{Kind: InRegister, Size: 1, Base: RAX}},
		{"an 8-bit register that needs REX", "1@%sil", Arg{Kind: InRegister, Size: 1, Base: RSI}},
		{"a 16-bit register", "-2@%bp", Arg{Kind: InRegister, Size: 2, Signed: true, Base: RBP}},
		{"a 32-bit register", "-4@%edx", Arg{Kind: InRegister, Size: 4, Signed: true, Base: RDX}},
		{"a 64-bit register", "8@%rcx", Arg{Kind: InRegister, Size: 8, Base: RCX}},
		{"a byte of a numbered register", "1@%r8b", Arg{Kind: InRegister, Size: 1, Base: 8}},
		{"a word of a numbered register", "2@%r15w", Arg{Kind: InRegister, Size: 2, Base: 15}},
		{"a double word of a numbered register", "4@%r10d", Arg{Kind: InRegister, Size: 4, Base: 10}},
		{"the second byte of a register", "-1@%bh", Arg{Kind: InRegister, Size: 1, Signed: true, Base: RBX, High: true}},
		{"the size governs over the register's name", "8@%eax", Arg{Kind: InRegister, Size: 8, Base: RAX}},
		{"a float in a general register", "8f@%rdi", Arg{Kind: InRegister, Size: 8, Float: true, Base: RDI}},
		{"memory without displacement", "8@(%rax)", Arg{Kind: Memory, Size: 8, Base: RAX}},
		{"memory with displacement", "-4@-24(%rbp)", Arg{Kind: Memory, Size: 4, Signed: true, Base: RBP, Disp: -24}},
		{"memory with a summed displacement", "4@8+16-4(%rsp)", Arg{Kind: Memory, Size: 4, Base: RSP, Disp: 20}},
		{"a float in memory", "8f@16(%rax)", Arg{Kind: Memory, Size: 8, Float: true, Base: RAX, Disp: 16}},
		{"base and index", "1@(%r8,%r9)", Arg{Kind: Indexed, Size: 1, Base: 8, Index: 9}},
		{"base, index and scale", "8@-8(%rsi,%rdx,8)", Arg{Kind: Indexed, Size: 8, Base: RSI, Index: RDX, Shift: 3, Disp: -8}},
		{"index without base", "8@64(,%rcx,4)", Arg{Kind: Indexed, Size: 8, Base: NoRegister, Index: RCX, Shift: 2, Disp: 64}},
		{"a symbol", "4@foo(%rip)", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: 0x4008}},
		{"an offset before a symbol", "4@8+foo(%rip)", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: 0x4010}},
		{"an offset after a symbol", "-4@foo+4(%rip)", Arg{Kind: Memory, Size: 4, Signed: true, Base: RIP, Disp: 0x400c}},
		{"a negative offset after a symbol", "4@foo-8(%rip)", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: 0x4000}},
		{"a negative offset after a plus", "4@foo+-8(%rip)", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: 0x4000}},
		{"a symbol below the site", "4@far(%rip)", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: -0xff0}},
		{"a quoted symbol", `4@"odd name"+8(%rip)`, Arg{Kind: Memory, Size: 4, Base: RIP, Disp: 0x4010}},
		{"a symbol with a dot", "4@.hidden(%rip)", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: 0x4008}},
		{"a symbol with a dollar", "4@a$b(%rip)", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: 0x4008}},
		{"a symbol without a register", "4@foo", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: 0x4008}},
		{"a distance from the site", "4@.-16(%rip)", Arg{Kind: Memory, Size: 4, Base: RIP, Disp: -16}},
	})
}

func TestX86SymbolAddressesServeInFixedFiles(t *testing.T) {
	runArgCases(t, elf.EM_X86_64, testPlace(true), []argCase{
		{"an address as a constant", "8@$foo+8", Arg{Kind: Const, Size: 8, Disp: 0x5010}},
		{"an array without base", "8@foo(,%rdx,8)", Arg{Kind: Indexed, Size: 8, Base: NoRegister, Index: RDX, Shift: 3, Disp: 0x5008}},
		{"a symbol with base", "8@foo+8(%rdx)", Arg{Kind: Memory, Size: 8, Base: RDX, Disp: 0x5010}},
	})
}

func TestX86OperandsThatCannotBeReadSayWhy(t *testing.T) {
	reason := func(size int, reason string) Arg { return Arg{Size: size, Reason: reason} }
	runArgCases(t, elf.EM_X86_64, testPlace(false), []argCase{
		{"a vector register", "8f@%xmm0", Arg{Size: 8, Float: true, Reason: "register %xmm0 is not saved at a probe"}},
		{"an x87 register", "8f@%st(1)", Arg{Size: 8, Float: true, Reason: "register %st(1) is not saved at a probe"}},
		{"an unknown register", "8@%rzz", reason(8, "unknown register %rzz")},
		{"a sixteen-byte integer", "16@%rax", reason(16, "size of 16 bytes does not fit a register")},
		{"a size of zero", "0@%rax", reason(0, "size of 0 bytes does not fit a register")},
		{"no size before the sign", "@%rax", reason(0, `bad size ""`)},
		{"a size that is no number", "x@%rax", reason(0, `bad size "x"`)},
		{"a size with a plus", "+4@%rax", reason(0, `bad size "+4"`)},
		{"a huge size", "99999999999@%rax", reason(0, `bad size "99999999999"`)},
		{"no operand", "4@", reason(4, "missing operand")},
		{"a number without dollar", "4@4096", reason(4, "number without $ or register")},
		{"two bytes in the second byte of a register", "2@%ah", reason(2, "2 bytes in the one-byte register %ah")},
		{"a thread-local variable of an executable", "4@%fs:tl@tpoff", reason(4, "segment of %fs:tl@tpoff is not known at a probe")},
		{"a thread-local variable of a library", "4@tl@dtpoff(%rax)", reason(4, `parse "tl@dtpoff": relocation @dtpoff is not supported`)},
		{"a table entry of a symbol", "8@foo@GOTPCREL(%rip)", reason(8, `parse "foo@GOTPCREL": relocation @GOTPCREL is not supported`)},
		{"a symbol that is not there", "4@.LC0(%rip)", reason(4, "look up .LC0: not in the file's symbol tables")},
		{"an address where the file can move", "8@$foo", reason(8, "address of foo is not fixed")},
		{"an array where the file can move", "8@foo(,%rdx,8)", reason(8, "address of foo is not fixed")},
		{"rip without a symbol", "8@16(%rip)", reason(8, "%rip without a symbol")},
		{"rip with an index", "8@foo(%rip,%rax)", reason(8, "address of foo is not fixed")},
		{"rip as an index", "8@(%rax,%rip)", reason(8, "register %rip cannot be part of this address")},
		{"a 32-bit base", "8@(%eax)", reason(8, "register %eax cannot be part of this address")},
		{"the stack pointer as an index", "8@(%rax,%rsp)", reason(8, "%rsp cannot be an index")},
		{"a scale that is no power of two", "8@(%rax,%rbx,3)", reason(8, `bad scale "3"`)},
		{"a scale of zero", "8@(%rax,%rbx,0)", reason(8, `bad scale "0"`)},
		{"a scale of sixteen", "8@(%rax,%rbx,16)", reason(8, `bad scale "16"`)},
		{"too many parts", "8@(%rax,%rbx,8,1)", reason(8, "more than base, index and scale")},
		{"empty brackets", "8@8()", reason(8, "missing base")},
		{"text after the bracket", "8@(%rax)x", reason(8, "text after the closing bracket")},
		{"two symbols", "8@foo+far(%rip)", reason(8, `parse "foo+far": not a single symbol with an offset`)},
		{"a negated symbol", "8@4-foo(%rip)", reason(8, `parse "4-foo": not a single symbol with an offset`)},
		{"a sign without a number", "8@8+(%rax)", reason(8, `parse "8+": missing number or symbol`)},
		{"a number above 64 bits", "8@$18446744073709551616", reason(8, `parse "18446744073709551616": bad number "18446744073709551616"`)},
		{"a number below 64 bits", "8@$-9223372036854775809", reason(8, `parse "-9223372036854775809": number -9223372036854775809 is below 64 bits`)},
		{"an underscore in a number", "8@$1_0", reason(8, `parse "1_0": bad number "1_0"`)},
	})
}

func TestARM64OperandsAreDecoded(t *testing.T) {
	runArgCases(t, elf.EM_AARCH64, testPlace(false), []argCase{
		{"a constant as GCC and clang write it", "-4@-1", Arg{Kind: Const, Size: 4, Signed: true, Disp: -1}},
		{"a constant with a hash", "4@#7", Arg{Kind: Const, Size: 4, Disp: 7}},
		{"a large constant", "-8@320255973458211", Arg{Kind: Const, Size: 8, Signed: true, Disp: 320255973458211}},
		{"a 64-bit register", "8@x0", Arg{Kind: InRegister, Size: 8}},
		{"the last register", "8@x30", Arg{Kind: InRegister, Size: 8, Base: 30}},
		{"a 32-bit register", "-4@w21", Arg{Kind: InRegister, Size: 4, Signed: true, Base: 21}},
		{"the stack pointer", "8@sp", Arg{Kind: InRegister, Size: 8, Base: SP}},
		{"the zero register", "4@wzr", Arg{Kind: Const, Size: 4}},
		{"memory without displacement", "8@[x9]", Arg{Kind: Memory, Size: 8, Base: 9}},
		{"memory with a displacement after a space", "-4@[sp, 12]", Arg{Kind: Memory, Size: 4, Signed: true, Base: SP, Disp: 12}},
		{"memory with a negative displacement", "8@[x29,-16]", Arg{Kind: Memory, Size: 8, Base: 29, Disp: -16}},
		{"memory with a hash", "8@[x0, #8]", Arg{Kind: Memory, Size: 8, Disp: 8}},
		{"the frame pointer by name", "8@[fp, 8]", Arg{Kind: Memory, Size: 8, Base: 29, Disp: 8}},
		{"base and index", "8@[x0, x1]", Arg{Kind: Indexed, Size: 8, Index: 1}},
		{"base and shifted index", "8@[sp, x1, lsl 3]", Arg{Kind: Indexed, Size: 8, Base: SP, Index: 1, Shift: 3}},
		{"a shift with a hash", "8@[x2, x3, lsl #2]", Arg{Kind: Indexed, Size: 8, Base: 2, Index: 3, Shift: 2}},
		{"the low bits of a symbol", "4@[x0, #:lo12:foo+4]", Arg{Kind: Memory, Size: 4, Disp: 0xc}},
		{"a float in memory", "8f@[x12]", Arg{Kind: Memory, Size: 8, Float: true, Base: 12}},
	})
}

func TestARM64OperandsThatCannotBeReadSayWhy(t *testing.T) {
	reason := func(size int, reason string) Arg { return Arg{Size: size, Reason: reason} }
	runArgCases(t, elf.EM_AARCH64, testPlace(false), []argCase{
		{"a vector register", "8f@d0", Arg{Size: 8, Float: true, Reason: "register d0 is not saved at a probe"}},
		{"a register that does not exist", "8@x31", reason(8, `unknown register "x31"`)},
		{"a register with a leading zero", "8@x01", reason(8, `unknown register "x01"`)},
		{"an x86 register", "8@%rax", reason(8, `parse "%rax": bad symbol "%rax"`)},
		{"no operand", "8@", reason(8, "missing register")},
		{"an empty address", "8@[]", reason(8, "missing register")},
		{"a 32-bit base", "8@[w0]", reason(8, "register w0 cannot be a base")},
		{"the zero register as base", "8@[xzr]", reason(8, "register xzr cannot be a base")},
		{"an index to be extended", "8@[x0, w1, sxtw 2]", reason(8, "register w1 as an index is not supported")},
		{"an unknown modifier", "8@[x0, x1, ror 2]", reason(8, `modifier "ror 2" is not supported`)},
		{"a shift out of range", "8@[x0, x1, lsl 5]", reason(8, `bad shift "5"`)},
		{"a write-back", "8@[x0, 8]!", reason(8, "text after the closing bracket")},
		{"a symbol that is not there", "8@[x0, #:lo12:none]", reason(8, "look up none: not in the file's symbol tables")},
		{"a number and more", "8@[x0, 8, 8]", reason(8, `unknown register "8"`)},
		{"a symbol alone", "8@.Lfoo", reason(8, "symbol .Lfoo without a register")},
	})
}

func TestABadArgumentKeepsTheOthersInPlace(t *testing.T) {
	got, err := ParseArgs(elf.EM_X86_64, "  8@%rdi 8f@%xmm0\t-4@what(%rip)  4@$3 ", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Arg{
		{Kind: InRegister, Size: 8, Base: RDI, Text: "8@%rdi"},
		{Size: 8, Float: true, Reason: "register %xmm0 is not saved at a probe", Text: "8f@%xmm0"},
		{Size: 4, Signed: true, Reason: "no symbol table to find what in", Text: "-4@what(%rip)"},
		{Kind: Const, Size: 4, Disp: 3, Text: "4@$3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARM64ArgumentsAreSplitOutsideBrackets(t *testing.T) {
	got, err := ParseArgs(elf.EM_AARCH64, "-4@[sp, 12] 8@x0 8@[x1, x2, lsl 3] 4@5", nil)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, a := range got {
		texts = append(texts, a.String())
	}
	if diff := cmp.Diff([]string{"-4@[sp, 12]", "8@x0", "8@[x1, x2, lsl 3]", "4@5"}, texts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStringsThatCannotBeSplitAreRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a bracket not closed", "8@%rax 8@(%rbx", "not closed"},
		{"a bracket not opened", "8@%rax) 8@%rbx", "stray ')'"},
		{"brackets within brackets", "8@((%rax))", "stray '('"},
		{"the wrong bracket", "8@[x0)", "not closed"},
		{"a quotation mark not closed", `8@"foo(%rip) 8@%rax`, "not closed"},
		{"Intel syntax", "8@QWORD PTR [rbp-8]", `"PTR" has no size`},
		{"arguments without sizes", "%rax %rbx", `"%rax" has no size`},
		{"too many arguments", strings.Repeat("4@$1 ", MaxArgs+1), "more than 16"},
		{"a string too long", "8@" + strings.Repeat("x", MaxArgText), "more than 4096"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args, err := ParseArgs(elf.EM_X86_64, c.text, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want an error with %q", args, err, c.want)
			}
		})
	}
}

func TestNoArgumentsIsNotAnError(t *testing.T) {
	for _, s := range []string{"", "  ", ":"} {
		if args, err := ParseArgs(elf.EM_X86_64, s, nil); len(args) != 0 || err != nil {
			t.Errorf("ParseArgs(%q) = %v, %v", s, args, err)
		}
	}
}

func TestArgumentsOfOtherMachinesAreRefused(t *testing.T) {
	if _, err := ParseArgs(elf.EM_PPC64, "8@3", nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}

func TestEveryX86RegisterNameIsKnownAtEachWidth(t *testing.T) {
	seen := map[string]bool{}
	for i, widths := range x86Names {
		for w, name := range widths {
			r, err := parseX86Register(name)
			if err != nil || r.number != Register(i) || r.bits != 8<<w || r.high || seen[name] {
				t.Errorf("%s: got %+v, %v", name, r, err)
			}
			seen[name] = true
		}
	}
	for i, name := range x86High {
		if r, err := parseX86Register(name); err != nil || r.number != Register(i) || !r.high {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
}
