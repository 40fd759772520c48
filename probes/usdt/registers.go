// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"fmt"
	"strconv"
	"strings"
)

// Register is a DWARF register number of the file's machine: System V ABI,
// AMD64 supplement, figure 3.36, or DWARF for the Arm 64-bit Architecture, §4.1.
type Register int16

// NoRegister stands for an absent base: it counts as zero in an address.
const NoRegister Register = -1

// Registers of x86-64. Numbers 8 to 15 are r8 to r15.
const (
	RAX Register = iota
	RDX
	RCX
	RBX
	RSI
	RDI
	RBP
	RSP
	// RIP is the instruction pointer; at a probe it is the run-time address
	// of the site.
	RIP Register = 16
)

// SP is the stack pointer of arm64. Numbers 0 to 30 are x0 to x30.
const SP Register = 31

// x86Names gives the names of 8, 16, 32 and 64 bits by DWARF number.
var x86Names = [16][4]string{
	{"al", "ax", "eax", "rax"}, {"dl", "dx", "edx", "rdx"},
	{"cl", "cx", "ecx", "rcx"}, {"bl", "bx", "ebx", "rbx"},
	{"sil", "si", "esi", "rsi"}, {"dil", "di", "edi", "rdi"},
	{"bpl", "bp", "ebp", "rbp"}, {"spl", "sp", "esp", "rsp"},
	{"r8b", "r8w", "r8d", "r8"}, {"r9b", "r9w", "r9d", "r9"},
	{"r10b", "r10w", "r10d", "r10"}, {"r11b", "r11w", "r11d", "r11"},
	{"r12b", "r12w", "r12d", "r12"}, {"r13b", "r13w", "r13d", "r13"},
	{"r14b", "r14w", "r14d", "r14"}, {"r15b", "r15w", "r15d", "r15"},
}

// x86High gives the names of the second byte of the first four registers.
var x86High = [4]string{"ah", "dh", "ch", "bh"}

// Name returns the assembler's name of the whole register, without a prefix,
// and a number in angle brackets for a register that the machine lacks.
func (r Register) Name(machine elf.Machine) string {
	switch {
	case machine == elf.EM_X86_64 && r >= 0 && int(r) < len(x86Names):
		return x86Names[r][3]
	case machine == elf.EM_X86_64 && r == RIP:
		return "rip"
	case machine == elf.EM_AARCH64 && r >= 0 && r < SP:
		return "x" + strconv.Itoa(int(r))
	case machine == elf.EM_AARCH64 && r == SP:
		return "sp"
	}
	return fmt.Sprintf("<%d>", int(r))
}

// namedRegister is a register as an operand names it.
type namedRegister struct {
	number Register
	bits   int
	high   bool // second byte: %ah to %bh
	zero   bool // xzr or wzr
}

func parseX86Register(name string) (namedRegister, error) {
	if name == "rip" {
		return namedRegister{number: RIP, bits: 64}, nil
	}
	for i, widths := range x86Names {
		for w, n := range widths {
			if n == name {
				return namedRegister{number: Register(i), bits: 8 << w}, nil
			}
		}
	}
	for i, n := range x86High {
		if n == name {
			return namedRegister{number: Register(i), bits: 8, high: true}, nil
		}
	}
	for _, prefix := range []string{"xmm", "ymm", "zmm", "mm", "st", "k"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && (rest == "" || !isLetter(rest[0])) {
			return namedRegister{}, fmt.Errorf("register %%%s is not saved at a probe", name)
		}
	}
	return namedRegister{}, fmt.Errorf("unknown register %%%s", name)
}

func parseARM64Register(name string) (namedRegister, error) {
	switch name {
	case "sp":
		return namedRegister{number: SP, bits: 64}, nil
	case "wsp":
		return namedRegister{number: SP, bits: 32}, nil
	case "fp":
		return namedRegister{number: 29, bits: 64}, nil
	case "lr":
		return namedRegister{number: 30, bits: 64}, nil
	case "xzr":
		return namedRegister{number: NoRegister, bits: 64, zero: true}, nil
	case "wzr":
		return namedRegister{number: NoRegister, bits: 32, zero: true}, nil
	case "":
		return namedRegister{}, fmt.Errorf("missing register")
	}
	number, ok := registerNumber(name[1:])
	switch name[0] {
	case 'x', 'w':
		if ok && number <= 30 {
			bits := 64
			if name[0] == 'w' {
				bits = 32
			}
			return namedRegister{number: Register(number), bits: bits}, nil
		}
	case 'v', 'q', 'd', 's', 'h', 'b', 'z', 'p':
		if ok && number <= 31 {
			return namedRegister{}, fmt.Errorf("register %s is not saved at a probe", name)
		}
	}
	return namedRegister{}, fmt.Errorf("unknown register %q", name)
}

// registerNumber reads one or two digits without a leading zero. A suffix as
// in v0.2d is left out.
func registerNumber(s string) (int, bool) {
	s, _, _ = strings.Cut(s, ".")
	if s == "" || len(s) > 2 || (len(s) == 2 && s[0] == '0') {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return int(n), err == nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
