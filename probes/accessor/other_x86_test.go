// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestComparisonsOfX86AreDecoded(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       Predicate
	}{
		{"equal, behind a pointer: thd_is_error", `f3 0f 1e fa 48 8b 87 a0 33 00 00
			83 b8 8c 00 00 00 03 0f 94 c0 c3`, Predicate{load(4, 0x33a0, 0x8c), allOnes, Equal, 3}},
		{"bits: thd_is_strict_mode", `48 f7 87 98 08 00 00 00 00 60 00 0f 95 c0 c3`,
			Predicate{load(8, 0x898), 0x600000, NotEqual, 0}},
		{"signed", `83 7f 08 01 0f 9f c0 c3`,
			Predicate{Chain{Offsets: []int32{8}, Size: 4, Signed: true}, allOnes, Greater, 1}},
		{"minus one in four bytes", `83 7f 08 ff 0f 94 c0 0f b6 c0 c3`, Predicate{load(4, 8), allOnes, Equal, 0xffffffff}},
		{"unsigned", `83 7f 08 05 0f 92 c0 c3`, Predicate{load(4, 8), allOnes, Below, 5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodePredicate(elf.EM_X86_64, assembled(t, test.code), testAddress)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNoComparisonIsRefused(t *testing.T) {
	for name, code := range map[string]string{
		"a load":                 `48 8b 47 08 c3`,
		"of the second argument": `83 7e 08 01 0f 94 c0 c3`,
		"of the argument itself": `48 85 ff 0f 95 c0 c3`,
		"by branches":            `31 c0 83 7f 08 03 75 05 b8 01 00 00 00 c3`,
		"of the sign":            `83 7f 08 00 0f 98 c0 c3`,
	} {
		t.Run(name, func(t *testing.T) {
			refusal(t, code, elf.EM_X86_64, func(m elf.Machine, c Code, a uint64) error {
				_, err := DecodePredicate(m, c, a)
				return err
			})
		})
	}
}

func TestCallsTellWhatTheyArePassed(t *testing.T) {
	// THD::ps_report_examined_row_count of MariaDB 11.8.
	calls, err := DecodeCalls(elf.EM_X86_64, assembled(t, `f3 0f 1e fa 48 8b b7 d0 3c 00 00
		48 85 f6 74 0c 48 8b bf 88 3d 00 00 48 85 ff 75 01 c3
		48 8d 05 99 d9 19 01 48 8b 00 ff a0 88 02 00 00`), testAddress)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := calls.Argument(1, 0); !ok || !got.equal(load(8, 0x3cd0)) {
		t.Errorf("argument 1 is %+v, %v", got, ok)
	}
	if got, ok := calls.Argument(2, 0); ok {
		t.Errorf("argument 2, which is the caller's own, is a field: %+v", got)
	}
	if got, ok := calls.Argument(2, 2); !ok || len(got.Offsets) != 0 || got.Add != 0 {
		t.Errorf("argument 2, of the caller's own, is %+v, %v", got, ok)
	}
}

func TestAFunctionFindsItsStructureByAVariable(t *testing.T) {
	// As inet_client_addr of PostgreSQL: rbx = variable; esi = 0x118(rbx); rdi = rbx + 0x98;
	// rdx, what the function's own first argument points to, is passed on too.
	code := assembled(t, `48 8b 1d 00 01 00 00 8b b3 18 01 00 00 48 8b 57 08 48 8d bb 98 00 00 00 e8 00 00 00 00 c3`)
	const variable = testAddress + 7 + 0x100
	calls, err := DecodeCallsOf(elf.EM_X86_64, code, Function{Address: testAddress, Variable: variable})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := calls.Argument(0, 0); !ok || !got.equal(address(0x98)) {
		t.Errorf("argument 0 is %+v, %v", got, ok)
	}
	if got, ok := calls.Argument(1, 0); !ok || !got.equal(load(4, 0x118)) {
		t.Errorf("argument 1 is %+v, %v", got, ok)
	}
	if got, ok := calls.Argument(2, 0); ok {
		t.Errorf("argument 2, which is behind another structure, is %+v", got)
	}
	if calls, err = DecodeCallsOf(elf.EM_X86_64, code, Function{Address: testAddress, Variable: variable + 8}); err != nil {
		t.Fatal(err)
	}
	if got, ok := calls.Argument(0, 0); ok {
		t.Errorf("argument 0, which is behind another variable, is %+v", got)
	}
}

func TestBehindAFunctionIsAnother(t *testing.T) {
	// Each reads a field and calls; the first call does not return.
	code := assembled(t, `8b 77 08 e8 00 00 00 00
		8b 77 10 e8 00 00 00 00 c3`)
	for size, want := range map[uint64]int{8: 1, 0: 2} {
		calls, err := DecodeCallsOf(elf.EM_X86_64, code, Function{Address: testAddress, Size: size})
		if err != nil || len(calls) != want {
			t.Errorf("a function of %d bytes, 0 for any: %d calls, %v, want %d", size, len(calls), err, want)
		}
	}
}

func TestCopiedTextHasItsPlace(t *testing.T) {
	code := `55 48 89 f0 48 8d bf 90 00 00 00 48 89 d6 e8 00 00 00 00 5d c3`
	calls, err := DecodeCalls(elf.EM_X86_64, assembled(t, code), testAddress)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := calls.Copied(2); !ok || !got.equal(address(0x90)) {
		t.Errorf("argument 2 is copied to %+v, %v", got, ok)
	}
	if got, ok := calls.Copied(1); ok {
		t.Errorf("argument 1, which is not passed on second, is copied to %+v", got)
	}
}

func TestTextThatIsCopiedToTwoPlacesHasNone(t *testing.T) {
	calls, err := DecodeCalls(elf.EM_X86_64, assembled(t, `53 41 54 48 89 fb 49 89 d4
		48 8d bb 90 00 00 00 4c 89 e6 e8 00 00 00 00
		48 8d bb a0 00 00 00 4c 89 e6 e8 00 00 00 00 41 5c 5b c3`), testAddress)
	if err != nil || len(calls) != 2 {
		t.Fatalf("%d calls, %v", len(calls), err)
	}
	if got, ok := calls.Copied(2); ok {
		t.Errorf("copied to %+v", got)
	}
}

func TestACallThatIsPassedOneOfTwoValuesTellsNone(t *testing.T) {
	calls, err := DecodeCalls(elf.EM_X86_64, assembled(t, `48 85 d2 74 04 48 8d 7f 10 e8 00 00 00 00 c3`), testAddress)
	if err != nil || len(calls) != 1 {
		t.Fatalf("%d calls, %v", len(calls), err)
	}
	if got, ok := calls.Argument(0, 0); ok {
		t.Errorf("argument 0 is %+v", got)
	}
	if got := calls[0].Args[1]; !got.Known || got.Arg != 1 {
		t.Errorf("argument 1, which is the same on both ways: %+v", got)
	}
}
