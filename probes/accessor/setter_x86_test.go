// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// set and added are stores of a whole argument.
func set(arg uint8, place Chain) Store {
	return Store{Arg: arg, From: Chain{Size: place.Size}, Place: place}
}

func added(arg uint8, place Chain) Store {
	return Store{Arg: arg, From: Chain{Size: place.Size}, Place: place, Adds: true}
}

func TestSettersOfX86AreDecoded(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       []Store
	}{
		{"behind a null and a flag test: pfs_set_statement_rows_sent_vc", `f3 0f 1e fa 48 85 ff 74 15
			48 89 77 60 f6 47 08 04 74 0b
			48 8b 47 50 48 89 b0 e8 02 00 00 c3`, []Store{set(1, load(8, 0x60)), set(1, load(8, 0x50, 0x2e8))}},
		{"four bytes of the argument", `89 b7 78 10 00 00 c3`, []Store{set(1, load(4, 0x1078))}},
		{"before a jump through memory: THD::set_sent_row_count", `48 89 b7 98 3b 00 00
			48 8b bf 50 3c 00 00 48 85 ff 75 01 c3
			48 8d 05 e1 92 05 01 48 8b 00 ff a0 78 02 00 00`, []Store{set(1, load(8, 0x3b98))}},
		{"adds to memory: thd_increment_bytes_sent", `48 85 ff 74 07 48 01 b7 78 14 00 00 c3`, []Store{added(1, load(8, 0x1478))}},
		{"loads, adds and stores back: THD::inc_examined_row_count", `48 03 b7 a0 3b 00 00
			48 89 b7 a0 3b 00 00 c3`, []Store{added(1, load(8, 0x3ba0))}},
		{"sets one field and adds to another: THD::set_sent_row_count of 11.8", `48 01 b7 c8 3c 00 00
			48 89 b7 c0 3c 00 00 c3`, []Store{added(1, load(8, 0x3cc8)), set(1, load(8, 0x3cc0))}},
		{"adds one behind a pointer: thd_inc_row_count", `48 8b 87 a0 33 00 00 48 83 80 c8 02 00 00 01 c3`,
			[]Store{{Place: load(8, 0x33a0, 0x2c8), Adds: true, Constant: 1}}},
		{"takes one away from four bytes", `ff 4f 24 c3`, []Store{{Place: load(4, 0x24), Adds: true, Constant: -1}}},
		{"stores a constant, with a frame pointer: Diagnostics_area::disable_status", `55 c7 87 24 02 00 00 04 00 00 00
			48 89 e5 c9 c3`, []Store{{Place: load(4, 0x224), Constant: 4}}},
		{"exchanges: thd_set_psi", `48 87 b7 88 2a 00 00 c3`, []Store{set(1, load(8, 0x2a88))}},
		{"after a call, from saved registers", `55 48 89 e5 41 54 53 48 89 fb 41 89 f4
			e8 00 00 00 00
			44 89 a3 9c 02 00 00 5b 41 5c 5d c3`, []Store{set(1, load(4, 0x29c))}},
		{"what an argument points to", `48 8b 46 08 48 89 87 a8 00 00 00 c3`,
			[]Store{{Arg: 1, From: load(8, 8), Place: load(8, 0xa8)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodeSetter(elf.EM_X86_64, assembled(t, test.code), testAddress)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Stores, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatACallMayHaveChangedIsNotTakenForTheArgument(t *testing.T) {
	// Stores the argument, calls, and copies the field to another.
	s, err := DecodeSetter(elf.EM_X86_64, assembled(t, `53 48 89 fb 48 89 77 08 e8 00 00 00 00
		48 8b 43 08 48 89 43 10 5b c3`), testAddress)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Store{set(1, load(8, 8))}, s.Stores, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestSetAndAddedTellFieldsApart(t *testing.T) {
	s := Setter{Stores: []Store{added(1, load(8, 8)), set(1, load(8, 16)), set(1, load(8, 24))}}
	if place, ok := s.Set(1); !ok || place.Offsets[0] != 16 {
		t.Errorf("set: %+v, %v", place, ok)
	}
	if place, ok := s.Added(1); !ok || place.Offsets[0] != 8 {
		t.Errorf("added: %+v, %v", place, ok)
	}
	if _, ok := s.Set(2); ok {
		t.Error("an argument that is not stored has a field")
	}
	if _, ok := s.Fixed(); ok {
		t.Error("no constant is stored, and it has a field")
	}
}

func TestTheFieldOfAConstantIsTheOnlyOne(t *testing.T) {
	s := Setter{Stores: []Store{{Place: load(4, 8), Constant: 4}, set(1, load(8, 16))}}
	if place, ok := s.Fixed(); !ok || place.Offsets[0] != 8 {
		t.Errorf("one constant: %+v, %v", place, ok)
	}
	s.Stores = append(s.Stores, Store{Place: load(4, 24), Constant: 1, Adds: true})
	if place, ok := s.Fixed(); ok {
		t.Errorf("two constants: %+v", place)
	}
}

func TestWhatIsNoSetterOnX86IsRefusedWithTheReason(t *testing.T) {
	for _, test := range []struct{ name, code, reason string }{
		{"nothing is stored", `31 c0 c3`, "nothing is stored"},
		{"one of two fields by a flag", `f6 07 01 74 05 48 89 77 10 c3 48 89 77 18 c3`, "nothing is stored at one place"},
		{"behind an index", `48 89 34 d7 c3`, "nothing is stored"},
		{"behind an instruction that is not followed", `f3 0f 6f 07 48 89 77 10 c3`, "not followed"},
		{"in the next function, behind a call that does not return", `41 54 53 48 89 fb 49 89 f4 e8 00 00 00 00
			f3 0f 1e fa 4c 89 63 10 5b 41 5c c3`, "nothing is stored"},
		{"what a call may have changed on the stack", `55 53 48 89 fb 48 83 ec 18 48 89 74 24 08
			48 8d 7c 24 08 e8 00 00 00 00 48 8b 44 24 08 48 89 43 10 c3`, "nothing is stored"},
		{"in a register that the call has changed", `e8 00 00 00 00 48 89 77 10 c3`, "nothing is stored"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := refusal(t, test.code, elf.EM_X86_64, func(m elf.Machine, c Code, a uint64) error {
				_, err := DecodeSetter(m, c, a)
				return err
			})
			if !strings.Contains(got, test.reason) {
				t.Errorf("reason %q has no %q", got, test.reason)
			}
		})
	}
}
