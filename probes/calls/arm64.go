// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// arm64 is AArch64. Its instructions are four bytes each, in their place.
type arm64 struct{}

func (arm64) longest() int { return 4 }

func (m arm64) candidates(code []byte, address uint64, targets map[uint64]target, yield func(field, target uint64)) {
	for p := int(-address & 3); p+4 <= len(code); p += 4 {
		b, ok := m.branch(code[p:], address+uint64(p))
		if !ok {
			continue
		}
		if t, ok := targets[b.target]; ok && !t.slot {
			yield(address+uint64(p), b.target)
		}
	}
}

func (arm64) instructionOf(code []byte, start, field uint64) (uint64, error) {
	if start&3 != 0 || field < start || field-start >= uint64(len(code)) {
		return 0, fmt.Errorf("it is not in the function at %#x", start)
	}
	return field &^ 3, nil
}

// branch decodes B, BL, B.cond, CBZ, CBNZ, TBZ and TBNZ (Arm ARM, C4.1).
func (arm64) branch(code []byte, address uint64) (b branch, ok bool) {
	if len(code) < 4 {
		return b, false
	}
	w := binary.LittleEndian.Uint32(code)
	switch {
	case w&0x7c000000 == 0x14000000: // B, BL
		b.target = address + field(w, 0, 26)*4
		b.jump = w>>31 == 0
	case w&0xff000000 == 0x54000000, w&0x7e000000 == 0x34000000: // B.cond, CBZ, CBNZ
		b.target = address + field(w, 5, 19)*4
		b.jump, b.conditional = true, true
	case w&0x7e000000 == 0x36000000: // TBZ, TBNZ
		b.target = address + field(w, 5, 14)*4
		b.jump, b.conditional = true, true
	default:
		return b, false
	}
	return b, true
}

// field is a signed number of so many bits from the bit low on.
func field(w uint32, low, bits uint) uint64 {
	shift := 32 - bits
	return uint64(int64(int32(w>>low<<shift) >> shift))
}

// Instructions of entries in the procedure linkage table, which use x16 and x17.
const (
	adrpX16 = 0x90000010 // ADRP x16, page, without the page
	loadX17 = 0xf9400211 // LDR x17, [x16, offset], without the offset
	btiC    = 0xd503245f
)

func (arm64) stubs(code []byte, address uint64, yield func(entry, slot uint64)) {
	for i := 0; i+8 <= len(code); i += 4 {
		page, load := binary.LittleEndian.Uint32(code[i:]), binary.LittleEndian.Uint32(code[i+4:])
		if page&0x9f00001f != adrpX16 || load&0xffc003ff != loadX17 {
			continue
		}
		at := address + uint64(i)
		slot := at&^0xfff + field(page, 5, 19)<<14 + uint64(page>>29&3)<<12 + uint64(load>>10&0xfff)*8
		if i >= 4 && binary.LittleEndian.Uint32(code[i-4:]) == btiC {
			at -= 4
		}
		yield(at, slot)
	}
}

func (arm64) slotRelocation(kind uint32) (symbol, addend bool) {
	switch elf.R_AARCH64(kind) {
	case elf.R_AARCH64_JUMP_SLOT, elf.R_AARCH64_GLOB_DAT:
		return true, false
	case elf.R_AARCH64_RELATIVE:
		return false, true
	}
	return false, false
}
