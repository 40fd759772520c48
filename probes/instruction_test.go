// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"encoding/hex"
	"strings"
	"testing"
)

func TestChooseEntry(t *testing.T) {
	for _, test := range []struct {
		name, code string
		offset     uint64
		cost       Cost
	}{
		{"push first", "55 48 89 e5", 0, CostEmulated},
		{"push of r15", "41 57 41 56", 0, CostEmulated},
		{"nop first", "90 55", 0, CostEmulated},
		{"endbr64, then push", "f3 0f 1e fa 55 48 89 e5", 4, CostEmulated},
		{"test of an argument, then a jump", "48 85 ff 74 10 c3", 3, CostEmulated},
		{"mov between other registers, then push", "48 89 f8 53", 3, CostEmulated},
		{"an argument register is written first", "48 89 f7 55", 0, CostStepped},
		{"the stack pointer is moved first", "48 83 ec 18 e8 00 00 00 00", 0, CostStepped},
		{"lea into an argument register", "48 8d 3d 00 00 00 00 55", 0, CostStepped},
		{"return without anything emulated", "31 c0 c3", 0, CostStepped},
		{"unknown bytes", "06 06 06", 0, CostStepped},
		{"nothing", "", 0, CostStepped},
	} {
		code, err := hex.DecodeString(strings.ReplaceAll(test.code, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		got := chooseEntry(elf.EM_X86_64, code)
		if got.offset != test.offset || got.cost != test.cost {
			t.Errorf("%s: got %+v, want offset %d, %s", test.name, got, test.offset, test.cost)
		}
	}
	if got := chooseEntry(elf.EM_AARCH64, []byte{0x1f, 0x20, 0x03, 0xd5}); got.cost != CostUnknown || got.offset != 0 {
		t.Errorf("arm64: got %+v", got)
	}
}

func FuzzChooseEntry(f *testing.F) {
	f.Add([]byte{0xf3, 0x0f, 0x1e, 0xfa, 0x55})
	f.Fuzz(func(t *testing.T, code []byte) {
		if got := chooseEntry(elf.EM_X86_64, code); got.offset > 0 && got.offset >= uint64(len(code)) {
			t.Errorf("%x: offset %d lies outside", code, got.offset)
		}
	})
}
