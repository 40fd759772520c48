// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"

	"golang.org/x/arch/x86/x86asm"
)

// x86 is x86-64.
type x86 struct{}

func (x86) longest() int { return 15 }

// opcodes are those that the place of a target follows in four bytes, which count
// from their end: call and jmp, call and jmp by a slot, and jumps on a condition.
// Prefixes come before them.
var opcodes = []struct {
	first  byte
	second func(byte) bool // nil: there is none
	bySlot bool
}{
	{first: 0xe8},
	{first: 0xe9},
	{first: 0xff, second: func(b byte) bool { return b == 0x15 || b == 0x25 }, bySlot: true},
	{first: 0x0f, second: func(b byte) bool { return b&0xf0 == 0x80 }},
}

// candidates looks at every place, whatever the alignment.
func (x86) candidates(code []byte, address uint64, targets map[uint64]target, yield func(field, target uint64)) {
	for _, op := range opcodes {
		for p := 0; ; {
			next := bytes.IndexByte(code[p:], op.first)
			if next < 0 {
				break
			}
			p += next + 1
			field := p
			if op.second != nil {
				if p == len(code) || !op.second(code[p]) {
					continue
				}
				field++
			}
			if field+4 > len(code) {
				break
			}
			to := address + uint64(field) + 4 + uint64(int64(int32(binary.LittleEndian.Uint32(code[field:]))))
			if t, ok := targets[to]; ok && t.slot == op.bySlot {
				yield(address+uint64(field), to)
			}
		}
	}
	for to, t := range targets {
		if !t.slot {
			shortJumps(code, address, to, yield)
		}
	}
}

// shortJumps are those of functions close by, whose target is told in one byte:
// jmp (EB), and on a condition (70 to 7F, E0 to E3).
func shortJumps(code []byte, address, target uint64, yield func(field, target uint64)) {
	for d := -128; d <= 127; d++ {
		field := target - 1 - uint64(int64(d))
		if field <= address || field-address >= uint64(len(code)) {
			continue
		}
		op, distance := code[field-address-1], int8(code[field-address])
		if int(distance) == d && (op == 0xeb || op&0xf0 == 0x70 || op&0xfc == 0xe0) {
			yield(field, target)
		}
	}
}

func (x86) instructionOf(code []byte, start, field uint64) (uint64, error) {
	for at := uint64(0); at < uint64(len(code)); {
		length := instructionLength(code[at:])
		if length == 0 {
			return 0, fmt.Errorf("an instruction there or before, at %#x, is not known", start+at)
		}
		if field < start+at+uint64(length) {
			return start + at, nil
		}
		at += uint64(length)
	}
	return 0, fmt.Errorf("it is not in the function at %#x", start)
}

// endbr64 is not known to x86asm.
var endbr64 = []byte{0xf3, 0x0f, 0x1e, 0xfa}

// instructionLength is 0 where the code is not known.
func instructionLength(code []byte) int {
	if bytes.HasPrefix(code, endbr64) {
		return len(endbr64)
	}
	inst, _ := decodeX86(code)
	return inst.Len
}

// decodeX86 is false where the code is not known, or cut: x86asm then takes its
// first byte for an instruction of no name.
func decodeX86(code []byte) (x86asm.Inst, bool) {
	inst, err := x86asm.Decode(code, 64)
	if err != nil || inst.Op == 0 || inst.Len > len(code) {
		return x86asm.Inst{}, false
	}
	return inst, true
}

func (x86) branch(code []byte, address uint64) (b branch, ok bool) {
	inst, ok := decodeX86(code)
	if !ok {
		return b, false
	}
	next := address + uint64(inst.Len)
	switch to := inst.Args[0].(type) {
	case x86asm.Rel:
		b.target = next + uint64(int64(to))
	case x86asm.Mem:
		if to.Base != x86asm.RIP || to.Index != 0 || to.Segment != 0 {
			return b, false
		}
		// x86asm does not extend the sign here.
		b.target, b.bySlot = next+uint64(int64(int32(to.Disp))), true
	default:
		return b, false
	}
	switch inst.Op {
	case x86asm.CALL:
	case x86asm.JMP:
		b.jump = true
	default:
		b.jump, b.conditional = true, true
		return b, !b.bySlot
	}
	return b, true
}

// stubs are jumps by a slot, with endbr64 and a prefix before them perhaps (the
// x86-64 psABI, Procedure Linkage Table).
func (x86) stubs(code []byte, address uint64, yield func(entry, slot uint64)) {
	for i := 0; i+6 <= len(code); i++ {
		if code[i] != 0xff || code[i+1] != 0x25 {
			continue
		}
		slot := address + uint64(i) + 6 + uint64(int64(int32(binary.LittleEndian.Uint32(code[i+2:]))))
		entry := bytes.TrimSuffix(bytes.TrimSuffix(code[:i], []byte{0xf2}), endbr64)
		yield(address+uint64(len(entry)), slot)
	}
}

func (x86) slotRelocation(kind uint32) (symbol, addend bool) {
	switch elf.R_X86_64(kind) {
	case elf.R_X86_64_JMP_SLOT, elf.R_X86_64_GLOB_DAT:
		return true, false
	case elf.R_X86_64_RELATIVE:
		return false, true
	}
	return false, false
}
