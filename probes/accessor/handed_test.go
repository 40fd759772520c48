// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"strings"
	"testing"
)

// handsOver is like scheduler_init of MariaDB 11.8: it hands two functions to
// another one by a call, and two to a third one by a jump in its last place.
var handsOver = padded(`f3 0f 1e fa 55
	48 8d 35 f4 ff ff ff ; lea rsi, 0x1000
	48 8d 3d 3d 00 00 00 ; lea rdi, 0x1050
	48 89 e5
	e8 e5 00 00 00       ; call 0x1100
	48 8d 35 3e 00 00 00 ; lea rsi, 0x1060
	48 8d 3d 47 00 00 00 ; lea rdi, 0x1070
	5d
	e9 d1 01 00 00       ; jmp 0x1200`, "c3")

// padded is code with a function at 0x1200 that returns at once.
func padded(code, returns string) string {
	b := 0
	for line := range strings.Lines(code) {
		line, _, _ = strings.Cut(line, ";")
		b += len(strings.Fields(line))
	}
	return code + "\n" + strings.Repeat("00 ", 0x200-b) + returns
}

func TestWhatIsHandedOverIsDecoded(t *testing.T) {
	for _, test := range []struct {
		callee uint64
		n      int
		want   uint64
	}{
		{0x1100, 0, 0x1050}, {0x1100, 1, 0x1000}, {0x1200, 0, 0x1070}, {0x1200, 1, 0x1060},
	} {
		got, err := DecodeHanded(elf.EM_X86_64, assembled(t, handsOver), testAddress, test.callee, test.n)
		if err != nil || got != test.want {
			t.Errorf("argument %d of %#x: %#x, %v, want %#x", test.n, test.callee, got, err, test.want)
		}
	}
}

func TestWhatIsHandedOverOnARM64IsDecoded(t *testing.T) {
	code := padded(`01 00 00 10 ; adr x1, 0x1000
		80 00 00 10 ; adr x0, 0x1014
		3e 00 00 94 ; bl 0x1100
		a0 00 00 10 ; adr x0, 0x1020
		7c 00 00 14 ; b 0x1200`, "c0 03 5f d6")
	for callee, want := range map[uint64]uint64{0x1100: 0x1014, 0x1200: 0x1020} {
		if got, err := DecodeHanded(elf.EM_AARCH64, assembled(t, code), testAddress, callee, 0); err != nil || got != want {
			t.Errorf("of %#x: %#x, %v, want %#x", callee, got, err, want)
		}
	}
}

func TestWhatIsNotHandedOverIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		code   string
		callee uint64
		n      int
	}{
		"no such call":                 {handsOver, 0x1300, 0},
		"another argument":             {handsOver, 0x1100, 2},
		"an argument on the stack":     {handsOver, 0x1100, 6},
		"an argument that is a number": {`bf 01 00 00 00 e8 f6 00 00 00 c3`, 0x1100, 0},
		"two callbacks": {padded(`85 ff 74 0c 48 8d 3d f5 01 00 00
			e9 f0 00 00 00 48 8d 3d e5 00 00 00 e9 e4 00 00 00`, "c3"), 0x1100, 0},
	} {
		t.Run(name, func(t *testing.T) {
			refusal(t, test.code, elf.EM_X86_64, func(m elf.Machine, c Code, a uint64) error {
				_, err := DecodeHanded(m, c, a, test.callee, test.n)
				return err
			})
		})
	}
}
