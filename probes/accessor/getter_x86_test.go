// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The byte sequences are those of Debian's MariaDB 10.11 and MySQL 9.7 where a
// function of theirs is named, else assembled with GNU as.
func TestGettersOfX86AreDecoded(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       Getter
	}{
		{"one load: thd_get_thread_id", `48 8b 87 18 3f 00 00 c3`, Getter{Results: []Chain{load(8, 0x3f18)}}},
		{"endbr64 before a load of four bytes", `f3 0f 1e fa 8b 87 d0 25 00 00 c3`, Getter{Results: []Chain{load(4, 0x25d0)}}},
		{"two loads: thd_sql_command", `48 8b 47 58 8b 40 08 c3`, Getter{Results: []Chain{load(4, 0x58, 8)}}},
		{"the address of a member: thd_current_db", `48 8d 87 a0 00 00 00 c3`, Getter{Results: []Chain{address(0xa0)}}},
		{"an address behind a pointer: thd_get_error_message", `48 8b 87 e0 62 00 00
			48 83 c0 1a c3`, Getter{Results: []Chain{address(0x1a, 0x62e0)}}},
		{"a null test before a load: thd_user_name", `48 8b 87 f8 25 00 00
			48 85 c0 74 04 ; test %rax,%rax; je to the ret
			48 8b 40 08 c3`, Getter{Results: []Chain{load(8, 0x25f8, 8)}}},
		{"a null test of the argument", `31 c0 48 85 ff 74 06 8b 87 98 3f 00 00 c3`, Getter{Results: []Chain{load(4, 0x3f98)}}},
		{"two registers: thd_query_unsafe", `f3 0f 1e fa 48 8b 87 10 05 00 00
			48 8b 97 18 05 00 00 c3`, Getter{Results: []Chain{load(8, 0x510), load(8, 0x518)}}},
		{"an out-parameter: thd_get_security_context", `f3 0f 1e fa 48 85 f6 74 0d
			48 8b 87 00 18 00 00 48 89 06 31 c0 c3
			b8 01 00 00 00 c3`, Getter{Out: []Chain{load(8, 0x1800)}}},
		{"a frame, a saved register and a value kept on the stack", `55 48 89 e5 53 48 83 ec 10
			48 89 7d e8 48 8b 5d e8 ; -0x18(%rbp)
			0f b6 43 07 48 83 c4 10 5b c9 c3`, Getter{Results: []Chain{load(1, 7)}}},
		{"a signed number", `48 63 47 10 c3`, Getter{Results: []Chain{{Offsets: []int32{0x10}, Size: 4, Signed: true}}}},
		{"a negative offset", `48 8b 47 f8 c3`, Getter{Results: []Chain{load(8, -8)}}},
		{"a jump in the last place", `48 8b 7f 18 eb 02 cc cc
			48 8b 47 20 c3`, Getter{Results: []Chain{load(8, 0x18, 0x20)}}},
		{"a conditional move for null", `48 8b 47 08 ba 00 00 00 00
			48 85 ff 48 0f 44 c2 c3 ; cmove %rdx,%rax`, Getter{Results: []Chain{load(8, 8)}}},
		{"an empty string for null", `48 8b 47 08 48 85 c0 75 07
			48 8d 05 01 00 00 00 c3 00`, Getter{Results: []Chain{load(8, 8)}, Empty: true}},
		{"a test of a constant, whose other way is never taken", `31 c0 85 c0 75 05
			48 8b 47 08 c3 e8 00 00 00 00`, Getter{Results: []Chain{load(8, 8)}}},
		{"an assertion, which does not return: lock_rec_get_index_name", `f3 0f 1e fa 8b 47 50
			25 f0 00 00 00 83 f8 20 75 0f ; cmp $0x20,%eax; jne to the push
			48 8b 47 18 48 8b 40 10 c3 66 0f 1f 44 00 00
			55 ba 63 16 00 00 48 89 e5 e8 00 00 00 00
			66 90 0f 1f 00 f3 0f 1e fa`, Getter{Results: []Chain{load(8, 0x18, 0x10)}}},
		{"four loads", `48 8b 07 48 8b 40 08 48 8b 40 10 48 8b 40 18 c3`, Getter{Results: []Chain{load(8, 0, 8, 16, 24)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodeGetter(elf.EM_X86_64, assembled(t, test.code), testAddress)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoGetterOnX86IsRefusedWithTheReason(t *testing.T) {
	for _, test := range []struct{ name, code, reason string }{
		{"a call", `e8 00 00 00 00 c3`, "a call"},
		{"an indirect jump, as in a PLT", `ff 25 00 10 00 00`, "a jump to where memory says"},
		{"a loop", `eb fe`, "more instructions"},
		{"nothing but a constant", `31 c0 c3`, "a constant"},
		{"the second argument", `48 8b 06 c3`, "does not come from the first argument"},
		{"an index", `48 8b 04 f7 c3`, "an index"},
		{"five loads", `48 8b 07 48 8b 00 48 8b 00 48 8b 00 48 8b 00 c3`, "too many loads"},
		{"one of two values by a flag", `f6 47 08 01 74 05 48 8b 47 10 c3 48 8b 47 18 c3`, "one of two values"},
		{"a flag that makes it null", `31 c0 f6 47 08 01 74 04 48 8b 47 10 c3`, "other than for null"},
		{"another pointer that makes it null", `31 c0 48 83 7f 20 00 74 04 48 8b 47 10 c3`, "other than for null"},
		{"a test of the low half of a pointer", `48 8b 47 08 85 c0 74 05 48 8b 40 10 c3 31 c0 c3`, "other than for null"},
		{"a load through the low half of a pointer", `8b 47 08 48 8b 00 c3`, "a part of a register"},
		{"minus one where it is null", `48 85 ff 74 05 48 8b 47 08 c3 48 c7 c0 ff ff ff ff c3`, "-1 where a pointer is null"},
		{"a string that is not empty for null", `48 8b 47 08 48 85 c0 75 07 48 8d 05 01 00 00 00 c3 41`, "no empty string"},
		{"a test of a value that is added to", `48 8b 47 08 48 85 c0 74 04 48 83 c0 10 c3`, "other than for null"},
		{"arithmetic of four bytes", `8b 47 08 83 c0 01 c3`, "arithmetic on a number"},
		{"a shift", `8b 47 08 c1 e8 03 c3`, "arithmetic that is not followed"},
		{"a comparison", `83 7f 08 03 0f 94 c0 c3`, "comparison"},
		{"a half of a register", `8a 47 08 89 c0 c3`, "part of a register"},
		{"a constant in a half of a register", `48 8b 47 08 48 85 c0 75 05 b0 00 48 31 c9 c3`, "part of a register"},
		{"a byte replaced in a pointer", `48 8b 47 08 b0 00 48 8b 40 10 c3`, "part of a register"},
		{"a store into the structure", `48 8b 47 08 48 c7 47 08 00 00 00 00 c3`, "a store"},
		{"a load behind another segment", `64 48 8b 07 c3`, "a segment"},
		{"a global variable", `48 8b 05 00 00 00 00 c3`, "a fixed address"},
		{"a return with a word left on the stack", `50 48 8b 07 c3`, "stack pointer moved"},
		{"vector registers", `f3 0f 6f 07 c3`, "not followed"},
		{"bytes that are no instruction", `06`, "not known"},
		{"code that ends", `48 8b 07`, "no code"},
		{"an offset above 31 bits", `48 8d 87 ff ff ff 7f 48 8b 40 08 c3`, "an offset above"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := refusal(t, test.code, elf.EM_X86_64, func(m elf.Machine, c Code, a uint64) error {
				_, err := DecodeGetter(m, c, a)
				return err
			})
			if !strings.Contains(got, test.reason) {
				t.Errorf("reason %q has no %q", got, test.reason)
			}
		})
	}
}
