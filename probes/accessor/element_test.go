// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAFieldOfTheSelectedElementIsDecoded(t *testing.T) {
	for name, text := range map[string]string{
		"gcc multiplies": `
			48 63 05 f9 0f 00 00          ; movslq 0xff9(%rip),%rax    # 2000
			85 c0                         ; test %eax,%eax
			0f 88 00 01 00 00             ; js
			48 69 c0 b8 00 00 00          ; imul $0xb8,%rax,%rax
			48 8d 15 e3 1f 00 00          ; lea 0x1fe3(%rip),%rdx      # 3000
			8b 44 02 30                   ; mov 0x30(%rdx,%rax,1),%eax
			c3                            ; ret`,
		"with a frame, shifts and sums": `
			f3 0f 1e fa                   ; endbr64
			55                            ; push %rbp
			48 89 e5                      ; mov %rsp,%rbp
			48 63 05 f1 0f 00 00          ; movslq 0xff1(%rip),%rax    # 2000
			85 c0                         ; test %eax,%eax
			78 40                         ; js
			48 8d 0c 40                   ; lea (%rax,%rax,2),%rcx
			48 c1 e1 03                   ; shl $3,%rcx
			48 8d 04 81                   ; lea (%rcx,%rax,4),%rax
			48 8d 15 db 1f 00 00          ; lea 0x1fdb(%rip),%rdx      # 3001
			48 01 d0                      ; add %rdx,%rax
			8b 40 2f                      ; mov 0x2f(%rax),%eax
			5d                            ; pop %rbp
			c3                            ; ret`,
	} {
		got, err := DecodeElement(elf.EM_X86_64, assembled(t, text), testAddress)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := &Element{Index: 0x2000, Field: 0x3030, Stride: 0xb8, Size: 4}
		if strings.HasPrefix(name, "with") {
			want.Stride = 28
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatIsNoFieldOfATableIsRefusedWithTheReason(t *testing.T) {
	decode := func(m elf.Machine, c Code, a uint64) error { _, err := DecodeElement(m, c, a); return err }
	for want, text := range map[string]string{
		"does not return a field": `48 63 05 f9 0f 00 00 c3`,
		"not followed: mov":       `8b 47 30 c3`,                                  // a field of the first argument
		"not followed: js":        `78 10 48 63 05 f9 0f 00 00 c3`,                // of flags that are not the index's
		"not followed: call":      `48 63 05 f9 0f 00 00 e8 00 00 00 00 c3`,       // what it returns is not known
		"not followed: lea":       `48 63 05 f9 0f 00 00 48 8d 54 18 10 c3`,       // of a register that is not known
		"not followed: imul":      `48 63 05 f9 0f 00 00 48 69 c0 00 00 00 7f c3`, // an element of 2 GB
		"instruction at 0x1000":   `06`,
	} {
		if reason := refusal(t, text, elf.EM_X86_64, decode); !strings.Contains(reason, want) {
			t.Errorf("refused with %q, want %q in it", reason, want)
		}
	}
	if _, err := DecodeElement(elf.EM_AARCH64, assembled(t, "c0 03 5f d6"), testAddress); !errors.Is(err, ErrRefused) {
		t.Errorf("arm64: %v, want a refusal", err)
	}
}

func FuzzElement(f *testing.F) {
	f.Add([]byte{0x48, 0x63, 0x05, 0xf9, 0x0f, 0, 0, 0x85, 0xc0, 0x78, 0x10, 0x48, 0x69, 0xc0, 0xb8, 0, 0, 0, 0x48, 0x8d, 0x15, 0xe3, 0x1f, 0, 0, 0x8b, 0x44, 0x02, 0x30, 0xc3})
	f.Fuzz(func(t *testing.T, code []byte) {
		e, err := DecodeElement(elf.EM_X86_64, testCode{testAddress, code}, testAddress)
		switch {
		case (e == nil) == (err == nil):
			t.Fatalf("a result and the error %v", err)
		case err != nil && !errors.Is(err, ErrRefused):
			t.Fatalf("%v is no refusal", err)
		case e != nil && (e.Stride <= 0 || e.Stride > maxStride || e.Index == 0):
			t.Fatalf("%+v", e)
		}
	})
}
