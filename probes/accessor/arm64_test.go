// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/arch/arm64/arm64asm"
)

// Words are written as they lie in memory. Those of named functions are of
// Debian's MySQL 9.7 and MariaDB 11.8 for arm64.
func TestGettersOfARM64AreDecoded(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       Getter
	}{
		{"one load: thd_get_thread_id", `5f2403d5 001866b9 c0035fd6`, Getter{Results: []Chain{load(4, 0x2618)}}},
		{"a null test: thd_user_name", `5f2403d5 00a053f9 400000b4 000440f9 c0035fd6`,
			Getter{Results: []Chain{load(8, 0x2740, 8)}}},
		{"a null test of the argument: thd_get_durability_property",
			`5f2403d5 800000b4 00104091 00f840b9 c0035fd6 00008052 c0035fd6`, Getter{Results: []Chain{load(4, 0x40f8)}}},
		{"an address behind a pointer: thd_get_error_message", `5f2403d5 00f871f9 00680091 c0035fd6`,
			Getter{Results: []Chain{address(0x1a, 0x63f0)}}},
		{"two registers by one instruction: thd_query_unsafe", `5f2403d5 00001891 000472a9 c0035fd6`,
			Getter{Results: []Chain{load(8, 0x520), load(8, 0x528)}}},
		{"an address and a length: Security_context::priv_user", `5f2403d5 e10300aa 00800291 218040f9 c0035fd6`,
			Getter{Results: []Chain{address(0xa0), load(8, 0x100)}}},
		{"an out-parameter: thd_get_security_context",
			`5f2403d5 a10000b4 00204cf9 200000f9 00008052 c0035fd6 20008052 c0035fd6`,
			Getter{Out: []Chain{load(8, 0x1840)}}},
		{"two out-parameters: thd_get_autoinc", `5f2403d5 03e044f9 230000f9 00dc44f9 400000f9 c0035fd6`,
			Getter{Results: []Chain{load(8, 0x9b8)}, Out: []Chain{load(8, 0x9c0), load(8, 0x9b8)}}},
		{"a signed frame", `3f2303d5 fd7bbfa9 fd030091 001440f9 fd7bc1a8 bf2303d5 c0035fd6`,
			Getter{Results: []Chain{load(8, 0x28)}}},
		{"a signed number", `001080b9 c0035fd6 ; ldrsw x0,[x0,#16]`,
			Getter{Results: []Chain{{Offsets: []int32{16}, Size: 4, Signed: true}}}},
		{"a byte and a half word", `010040b9 00904039 c0035fd6 ; ldr w1,[x0]; ldrb w0,[x0,#36]`,
			Getter{Results: []Chain{load(1, 36), load(4, 0)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodeGetter(elf.EM_AARCH64, assembled(t, test.code), testAddress)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettersOfARM64AreDecoded(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       []Store
	}{
		{"behind a null and a flag test: pfs_set_statement_rows_sent_vc",
			`5f2403d5 c00000b4 020840b9 013000f9 62001036 002840f9 017401f9 c0035fd6`,
			[]Store{set(1, load(8, 0x60)), set(1, load(8, 0x50, 0x2e8))}},
		{"adds one: thd_inc_row_count", `5f2403d5 01f459f9 206441f9 00040091 206401f9 c0035fd6`,
			[]Store{{Place: load(8, 0x33e8, 0x2c8), Adds: true, Constant: 1}}},
		{"with an ordered store: thd_set_psi", `5f2403d5 025a85d2 0000028b 01fc9fc8 c0035fd6`,
			[]Store{set(1, load(8, 0x2ad0))}},
		{"sets and adds: THD::set_sent_row_count", `5f2403d5 03745ef9 01701ef9 6200018b 02741ef9 00d45ef9
			400000b5 c0035fd6 628700b0 420444f9 420040f9 424041f9 f00302aa 00021fd6`,
			[]Store{set(1, load(8, 0x3ce0)), added(1, load(8, 0x3ce8))}},
		{"after a call: Diagnostics_area::set_error_status", `3f2303d5 fd7bbca9 fd030091 f35301a9 f30300aa f403012a
			f51300f9 f50302aa e203012a 61008052 e31f00f9 a5ffff97 608e40b9 1f100071 20020054 e31f40f9 749e02b9
			e23f80d2 60104039 610040b9 619602b9 e10315aa 60620a39 60420291 7f660a39 6f714f94 60420291 31edf997
			609202b9 60008052 608e00b9 f51340f9 f35341a9 fd7bc4a8 bf2303d5 c0035fd6`,
			[]Store{{Place: load(1, 0x299)}, {Place: load(4, 0x8c), Constant: 3}, set(1, load(4, 0x29c)),
				{Arg: 3, From: load(4, 0), Place: load(4, 0x294)}, {Arg: 3, From: load(1, 4), Place: load(1, 0x298)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodeSetter(elf.EM_AARCH64, assembled(t, test.code), testAddress)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Stores, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestComparisonsAndCallsOfARM64AreDecoded(t *testing.T) {
	// thd_is_error of MySQL 9.7.
	p, err := DecodePredicate(elf.EM_AARCH64, assembled(t, `5f2403d5 00f459f9 008c40b9 1f0c0071 e0179f1a c0035fd6`), testAddress)
	if diff := cmp.Diff(&Predicate{load(4, 0x33e8, 0x8c), allOnes, Equal, 3}, p); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	// THD::ps_report_examined_row_count of MariaDB 11.8.
	calls, err := DecodeCalls(elf.EM_AARCH64, assembled(t, `5f2403d5 01785ef9 610000b4 00d45ef9 400000b5 c0035fd6
		628700b0 420444f9 420040f9 424441f9 f00302aa 00021fd6`), testAddress)
	if got, ok := calls.Argument(1, 0); err != nil || !ok || !got.equal(load(8, 0x3cf0)) {
		t.Errorf("%v: argument 1 is %+v, %v", err, got, ok)
	}
}

func TestWhatIsNoGetterOnARM64IsRefusedWithTheReason(t *testing.T) {
	for _, test := range []struct{ name, code, reason string }{
		{"a call", `00000094 c0035fd6`, "a call"},
		{"an indirect jump", `00021fd6`, "a jump to where memory says"},
		{"a global variable", `00000090 000040f9 c0035fd6`, "a fixed address"},
		{"the address of one", `00000090 c0035fd6`, "a constant"},
		{"an index", `006861f8 c0035fd6`, "an index"},
		{"a return to another address", `fe0300aa c0035fd6`, "a return to another address"},
		{"a return with the stack moved", `ff4300d1 000040f9 c0035fd6`, "stack pointer moved"},
		{"a flag that makes it null", `010840b9 61000036 000c40f9 c0035fd6 00008052 c0035fd6`, "other than for null"},
		{"a test of the low half of a pointer", `000c40f9 40000034 000440f9 c0035fd6`, "one of two values"},
		{"vector registers", `0000c03d c0035fd6`, "not followed"},
		{"half an instruction", `5f24`, "half an instruction"},
		{"a stale comparison behind cbz", `1f0c00f1 610000b4 41000054 000c40f9 c0035fd6`, "one of two values"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := refusal(t, test.code, elf.EM_AARCH64, func(m elf.Machine, c Code, a uint64) error {
				_, err := DecodeGetter(m, c, a)
				return err
			})
			if !strings.Contains(got, test.reason) {
				t.Errorf("reason %q has no %q", got, test.reason)
			}
		})
	}
}

// arm64asm, which prints what it decodes, is the referee of our own reading of
// the words: of each load and store the place, of each branch the target.
func TestARM64WordsAreReadAsTheReferenceReadsThem(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	checked := 0
	for range 100_000 {
		// Loads, stores and pairs; then branches.
		bits := random.Uint32()
		if random.IntN(4) > 0 {
			bits = bits&^(0b1111<<25) | [...]uint32{0b1100, 0b0100, 0b1010}[random.IntN(3)]<<25
		}
		var code [4]byte
		binary.LittleEndian.PutUint32(code[:], bits)
		inst, why := arm64{}.decode(code[:], testAddress)
		if why != "" || len(inst.steps) == 0 {
			continue
		}
		reference, err := arm64asm.Decode(code[:])
		if err != nil {
			continue // arm64asm knows fewer
		}
		text := arm64asm.GNUSyntax(reference)
		if fault := compareWithText(inst.steps, text); fault != "" {
			t.Fatalf("%08x is %q: %s", bits, text, fault)
		}
		checked++
	}
	if checked < 5_000 {
		t.Fatalf("only %d words were compared", checked)
	}
}

func compareWithText(steps []step, text string) string {
	for _, s := range steps {
		switch s.op {
		case opLoad, opLoadSigned, opStore:
			if s.memory.base == noRegister {
				if !strings.Contains(text, ", [x") && !strings.Contains(text, ", [sp") {
					return "no memory is named"
				}
				return ""
			}
			want := fmt.Sprintf("[x%d", s.memory.base)
			if s.memory.base == spRegister {
				want = "[sp"
			}
			offset := fmt.Sprintf("#%d", s.memory.offset)
			if !strings.Contains(text, want) || s.memory.offset != 0 && !strings.Contains(text, offset) {
				return "not " + want + " " + offset
			}
			return ""
		case opBranch, opJump:
			relative := fmt.Sprintf(".%+#x", int64(s.target-testAddress))
			if i := strings.LastIndex(text, ".+"); i >= 0 && text[i:] != relative {
				var distance uint64
				if _, err := fmt.Sscanf(text[i:], ".+0x%x", &distance); err != nil || distance != s.target-testAddress {
					return "not " + relative
				}
			}
		}
	}
	return ""
}

// FuzzARM64 is FuzzX86 for the other machine.
func FuzzARM64(f *testing.F) {
	for _, s := range []string{
		`5f2403d5 00a053f9 400000b4 000440f9 c0035fd6`,
		`5f2403d5 c00000b4 020840b9 013000f9 62001036 002840f9 017401f9 c0035fd6`,
		`3f2303d5 fd7bbfa9 fd030091 001440f9 fd7bc1a8 bf2303d5 c0035fd6`,
		`5f2403d5 00f459f9 008c40b9 1f0c0071 e0179f1a c0035fd6`,
	} {
		f.Add(assembled(f, s).bytes)
	}
	f.Fuzz(func(t *testing.T, code []byte) { checkAny(t, elf.EM_AARCH64, code, 0xd6) })
}
