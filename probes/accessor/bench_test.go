// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"testing"
)

// A profile names some thirty functions, decoded at each start.
func BenchmarkDecode(b *testing.B) {
	getter := assembled(b, `48 8b 87 f8 25 00 00 48 85 c0 74 04 48 8b 40 08 c3`)
	setter := assembled(b, `f3 0f 1e fa 48 85 ff 74 15 48 89 77 60 f6 47 08 04 74 0b 48 8b 47 50 48 89 b0 e8 02 00 00 c3`)
	b.Run("getter", func(b *testing.B) {
		for b.Loop() {
			if _, err := DecodeGetter(elf.EM_X86_64, getter, testAddress); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("setter", func(b *testing.B) {
		for b.Loop() {
			if _, err := DecodeSetter(elf.EM_X86_64, setter, testAddress); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("no end", func(b *testing.B) {
		endless := assembled(b, `74 fe eb fc`)
		for b.Loop() {
			if _, err := DecodeGetter(elf.EM_X86_64, endless, testAddress); err == nil {
				b.Fatal("decoded")
			}
		}
	})
}
