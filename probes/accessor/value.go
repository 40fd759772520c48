// SPDX-License-Identifier: Apache-2.0

package accessor

import "math"

type kind uint8

const (
	unknown  kind = iota
	constant      // the number add
	static        // the address add of the file
	stack         // the stack pointer at the entry plus add
	link          // the return address
	walked        // walk, plus add
	sum           // walk, plus argument addend
	truth         // 1 if test holds of walk, else 0
)

// walk is a chain from one of the arguments. It is comparable.
type walk struct {
	arg     uint8
	loads   uint8
	offsets [MaxLoads]int32
	size    uint8 // of the last load, or of the argument
	signed  bool
}

// comparison is what a truth says about its walk.
type comparison struct {
	condition condition
	mask      uint64
	with      int64
	size      uint8
}

// value is what a register or a place on the stack holds. It is comparable.
type value struct {
	kind   kind
	width  uint8 // low bytes that the value tells; what is above is not known
	walk   walk
	add    int64
	addend uint8
	test   comparison
	why    string // of an unknown
}

func unknownValue(why string) value { return value{kind: unknown, why: why} }

func numberValue(n int64) value { return value{kind: constant, width: wholeRegister, add: n} }

func argumentValue(n int) value {
	return value{kind: walked, width: wholeRegister, walk: walk{arg: uint8(n), size: pointerSize}}
}

// isArgument reports whether a value is an argument or its low bytes.
func (v value) isArgument() bool { return v.kind == walked && v.walk.loads == 0 && v.add == 0 }

// low gives the low size bytes, zero-extended.
func (v value) low(size uint8) value {
	if size >= wholeRegister {
		return v
	}
	switch {
	case v.kind == unknown:
		return v
	case v.width < size:
		return unknownValue("part of a register that is not known")
	case v.kind == constant:
		return numberValue(int64(uint64(v.add) & (1<<(8*size) - 1)))
	case v.kind == truth:
		v.width = wholeRegister
		return v
	case v.kind == sum || v.kind == walked && v.add != 0:
		v.width = size
		return v
	case v.kind == walked:
		return v.lowWalked(size)
	}
	return unknownValue("part of an address")
}

func (v value) lowWalked(size uint8) value {
	v.width = wholeRegister
	switch {
	case v.walk.size >= size:
		v.walk.size, v.walk.signed = size, false
	case v.walk.signed:
		v.width = size
	}
	return v
}

// signExtended gives the low from bytes, extended by their sign to to bytes.
func (v value) signExtended(from, to uint8) value {
	if v.width < from && v.kind != unknown {
		return unknownValue("part of a register that is not known")
	}
	switch v.kind {
	case constant:
		shift := 64 - 8*uint(from)
		return numberValue(int64(uint64(v.add)<<shift) >> shift).low(to)
	case truth:
		return v.low(from)
	case walked:
		if v.add != 0 {
			return unknownValue("sign of a sum")
		}
		v = v.low(from)
		if v.kind == unknown {
			return v
		}
		if v.walk.size == from && from < wholeRegister {
			v.walk.signed = true
		}
		v.width = wholeRegister
		if v.walk.signed && to < wholeRegister {
			v.width = to
		}
		return v
	case unknown:
		return v
	}
	return unknownValue("sign of an address")
}

// plus adds a constant in size bytes.
func (v value) plus(n int64, size uint8) value {
	if v.width < size && v.kind != unknown {
		return unknownValue("part of a register that is not known")
	}
	switch v.kind {
	case constant:
		return numberValue(v.add + n).low(size)
	case static, stack:
		if size < wholeRegister {
			return unknownValue("part of an address")
		}
		v.add += n
		return v
	case walked:
		v.add += n
		v.width = size
		return v
	case unknown:
		return v
	}
	return unknownValue("arithmetic on a sum or a comparison")
}

// plusValue adds two values in size bytes.
func (v value) plusValue(other value, size uint8) value {
	switch {
	case other.kind == constant && other.width >= size:
		return v.plus(other.add, size)
	case v.kind == constant && v.width >= size:
		return other.plus(v.add, size)
	case v.kind == unknown:
		return v
	case other.kind == unknown:
		return other
	case v.isArgument() && v.walk.arg > 0:
		v, other = other, v
	}
	if v.kind == walked && v.add == 0 && v.walk.loads > 0 && v.width >= size &&
		other.isArgument() && other.walk.arg > 0 && other.width >= size {
		return value{kind: sum, width: size, walk: v.walk, addend: other.walk.arg}
	}
	return unknownValue("arithmetic on two values")
}

// at gives the walk that reads size bytes at offset behind v.
func (v value) at(offset int64, size uint8) (walk, string) {
	switch {
	case v.kind != walked:
		return walk{}, "a load through a register that is not known"
	case v.walk.size != pointerSize || v.width != wholeRegister:
		return walk{}, "a load through a part of a register"
	case v.walk.loads == MaxLoads:
		return walk{}, "too many loads"
	}
	offset += v.add
	if offset < math.MinInt32 || offset > math.MaxInt32 {
		return walk{}, "an offset above 32 bits"
	}
	w := v.walk
	w.offsets[w.loads] = int32(offset)
	w.loads++
	w.size, w.signed = size, false
	return w, ""
}

// chain gives the exported form.
func (v value) chain() Chain {
	return Chain{
		Offsets: append([]int32(nil), v.walk.offsets[:v.walk.loads]...),
		Add:     v.add, Size: v.walk.size, Signed: v.walk.signed,
	}
}
