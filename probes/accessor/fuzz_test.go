// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everything is what all decoders say of one function.
type everything struct {
	Getter    *Getter
	Setter    *Setter
	Predicate *Predicate
	Calls     Calls
	Handed    uint64
	Reasons   [5]string
}

// decodeAll runs all decoders and checks that each gives a result or a refusal.
func decodeAll(t *testing.T, machine elf.Machine, code Code) everything {
	t.Helper()
	var e everything
	var errs [5]error
	e.Getter, errs[0] = DecodeGetter(machine, code, testAddress)
	e.Setter, errs[1] = DecodeSetter(machine, code, testAddress)
	e.Predicate, errs[2] = DecodePredicate(machine, code, testAddress)
	e.Calls, errs[3] = DecodeCalls(machine, code, testAddress)
	e.Handed, errs[4] = DecodeHanded(machine, code, testAddress, testAddress+0x20, 0)
	for i, ok := range []bool{e.Getter != nil, e.Setter != nil, e.Predicate != nil, e.Calls != nil, e.Handed != 0} {
		if ok != (errs[i] == nil) {
			t.Fatalf("decoder %d: a result and the error %v", i, errs[i])
		}
		if errs[i] != nil {
			if !errors.Is(errs[i], ErrRefused) {
				t.Fatalf("decoder %d: %v is no refusal", i, errs[i])
			}
			e.Reasons[i] = errs[i].Error()
		}
	}
	return e
}

// checkLimits checks what the kernel side relies on.
func checkLimits(t *testing.T, e everything) {
	t.Helper()
	if g := e.Getter; g != nil {
		if len(g.Results) > 2 || len(g.Results)+len(g.Out) == 0 || len(g.Out) > maxStores*maxPaths {
			t.Fatalf("results: %+v", g)
		}
		for _, c := range append(g.Results, g.Out...) {
			checkChain(t, c)
		}
	}
	if s := e.Setter; s != nil {
		if len(s.Stores) == 0 || len(s.Stores) > maxStores*(maxPaths+2) {
			t.Fatalf("%d stores", len(s.Stores))
		}
		for _, st := range s.Stores {
			checkChain(t, st.Place)
			if len(st.Place.Offsets) == 0 || st.Place.Add != 0 || (st.Arg == 0) != (st.Constant != 0) || st.Arg >= maxArguments {
				t.Fatalf("store: %+v", st)
			}
			if st.Arg > 0 {
				checkChain(t, st.From)
			}
		}
	}
	if p := e.Predicate; p != nil {
		checkChain(t, p.Chain)
		if len(p.Chain.Offsets) == 0 || p.Compare > AboveOrEqual {
			t.Fatalf("comparison: %+v", p)
		}
	}
	for _, c := range e.Calls {
		for _, a := range c.Args {
			if a.Known {
				checkChain(t, a.Chain)
			}
		}
	}
}

func checkChain(t *testing.T, c Chain) {
	t.Helper()
	sizes := c.Size == 1 || c.Size == 2 || c.Size == 4 || c.Size == 8
	if len(c.Offsets) > MaxLoads || !sizes || (c.Signed && c.Size == 8) || (c.Add != 0 && c.Size != 8) {
		t.Fatalf("chain: %+v", c)
	}
}

// cutCode replaces the bytes from an address on.
type cutCode struct {
	testCode
	cut uint64
}

func (c cutCode) At(address uint64, n int) ([]byte, error) {
	b, err := c.testCode.At(address, n)
	if err != nil || address+uint64(len(b)) <= c.cut {
		return b, err
	}
	b = append([]byte(nil), b...)
	for i := range b {
		if address+uint64(i) >= c.cut {
			b[i] = 0xcc
		}
	}
	return b, nil
}

// FuzzX86 hands any bytes to the decoders: they end, stay within the limits,
// and say the same whatever lies behind a function that is straight to its end.
func FuzzX86(f *testing.F) {
	for _, s := range []string{
		`48 8b 87 18 3f 00 00 c3`,
		`48 8b 87 f8 25 00 00 48 85 c0 74 04 48 8b 40 08 c3`,
		`f3 0f 1e fa 48 85 f6 74 0d 48 8b 87 00 18 00 00 48 89 06 31 c0 c3 b8 01 00 00 00 c3`,
		`f3 0f 1e fa 48 85 ff 74 15 48 89 77 60 f6 47 08 04 74 0b 48 8b 47 50 48 89 b0 e8 02 00 00 c3`,
		`55 48 89 e5 53 48 83 ec 10 48 89 7d e8 48 8b 5d e8 0f b6 43 07 48 83 c4 10 5b c9 c3`,
		`83 7f 08 01 0f 9f c0 c3`, `48 87 b7 88 2a 00 00 c3`, `48 0f 44 c2 eb f9`, `8a 47 08 66 89 46 02 0f be c0 48 63 d0 c3`,
	} {
		f.Add(assembled(f, s).bytes)
	}
	f.Fuzz(func(t *testing.T, code []byte) { checkAny(t, elf.EM_X86_64, code, 0xc3) })
}

func checkAny(t *testing.T, machine elf.Machine, code []byte, end byte) {
	if len(code) > 200 {
		return
	}
	c := testCode{testAddress, code}
	all := decodeAll(t, machine, c)
	checkLimits(t, all)
	if again := decodeAll(t, machine, c); !cmp.Equal(all, again) {
		t.Fatal(cmp.Diff(all, again))
	}
	if all.Getter == nil {
		return
	}
	// What is behind the last byte that any way has used does not matter.
	used := testAddress + uint64(len(code))
	for used > testAddress && cmp.Equal(all, decodeAll(t, machine, cutCode{c, used - 1})) {
		used--
	}
	for _, tail := range []byte{0x00, 0x90, end, 0xff} {
		longer := testCode{testAddress, append([]byte(nil), code...)}
		for i := used - testAddress; i < uint64(len(code)); i++ {
			longer.bytes[i] = tail
		}
		longer.bytes = append(longer.bytes, tail, tail)
		if got := decodeAll(t, machine, longer); !cmp.Equal(all.Getter, got.Getter) {
			t.Fatalf("with %#x behind the end: %s", tail, cmp.Diff(all.Getter, got.Getter))
		}
	}
}
