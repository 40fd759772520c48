// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// InstructionKind is the class of the instruction at a site.
type InstructionKind uint8

const (
	// OtherInstruction is anything but the forms below.
	OtherInstruction InstructionKind = iota
	// Nop1 is the one-byte nop (90) of x86-64, which sys/sdt.h emits. The
	// kernel emulates it.
	Nop1
	// Nop5 is the five-byte nop (0f 1f 44 00 00) of x86-64. Kernels before
	// 6.18 single-step it; from 6.18 on they may replace it by a call, which
	// overwrites the red zone of a leaf function.
	Nop5
	// Nop10 is the ten-byte nop (66 2e 0f 1f 84 00, 4 bytes 00) of x86-64,
	// which kernels up to 6.18 refuse to probe.
	Nop10
	// NopARM64 is the nop (1f 20 03 d5) of arm64.
	NopARM64
)

// String returns the class in words.
func (k InstructionKind) String() string {
	switch k {
	case OtherInstruction:
		return "other"
	case Nop1:
		return "one-byte nop"
	case Nop5:
		return "five-byte nop"
	case Nop10:
		return "ten-byte nop"
	case NopARM64:
		return "nop"
	}
	return fmt.Sprintf("instruction kind %d", uint8(k))
}

// Instruction is what the file holds at a site.
type Instruction struct {
	Kind InstructionKind
	// Bytes are the bytes at the site: up to 16, fewer at the end of the
	// segment. They may reach beyond the first instruction.
	Bytes []byte
}

var (
	nop5     = []byte{0x0f, 0x1f, 0x44, 0x00, 0x00}
	nop10    = []byte{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00}
	nopARM64 = []byte{0x1f, 0x20, 0x03, 0xd5}
)

func classify(machine elf.Machine, code []byte) Instruction {
	i := Instruction{Bytes: code}
	switch {
	case machine == elf.EM_AARCH64:
		if bytes.HasPrefix(code, nopARM64) {
			i.Kind = NopARM64
		}
	case bytes.HasPrefix(code, []byte{0x90}):
		i.Kind = Nop1
	case bytes.HasPrefix(code, nop5):
		i.Kind = Nop5
	case bytes.HasPrefix(code, nop10):
		i.Kind = Nop10
	}
	return i
}
