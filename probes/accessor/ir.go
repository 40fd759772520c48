// SPDX-License-Identifier: Apache-2.0

package accessor

// register is a general register: on x86-64 the number in the encoding, on
// arm64 0 to 30.
type register uint8

const (
	registers         = 34
	spRegister        = register(31) // arm64's stack pointer; x86-64 uses 4
	scratch           = register(32) // between the operations of one instruction
	zeroRegister      = register(33) // arm64's xzr
	noRegister        = register(255)
	endOfInstructions = 16 // bytes asked for at a time: no instruction is longer
	wholeRegister     = 8
	pointerSize       = 8
	allOnes           = ^uint64(0)
)

// operation is one thing that an instruction does. Instructions of both
// machines are told as a few of them, so that one interpreter serves both.
type operation uint8

const (
	opMove       operation = iota // dst = a, zero-extended
	opSigned                      // dst = a, sign-extended to dst's size
	opLoad                        // dst = memory, zero-extended
	opLoadSigned                  // dst = memory of size bytes, sign-extended
	opStore                       // memory = a
	opAddress                     // dst = address of memory
	opAdd                         // dst = a + b
	opSub                         // dst = a - b
	opClear                       // dst = 0
	opUnknown                     // dst = something not modelled
	opCompare                     // flags of a - b
	opTest                        // flags of a & b
	opTestApart                   // as opTest, for the branch of the same instruction only
	opNoFlags                     // flags are something not modelled
	opSet                         // dst = condition ? 1 : 0
	opSelect                      // dst = condition ? a : b; the last of an instruction
	opBranch                      // to target if condition; the last
	opJump                        // to target; the last
	opLeave                       // jump to where a register or memory says; the last
	opCall                        // to a function that returns here; the last
	opReturn                      // the last
)

// condition is what a branch or a set asks of the flags.
type condition uint8

const (
	condEqual condition = iota
	condNotEqual
	condLess
	condLessOrEqual
	condGreater
	condGreaterOrEqual
	condBelow
	condBelowOrEqual
	condAbove
	condAboveOrEqual
	condOther // sign, overflow, parity: not modelled
)

// operand is a register or a constant.
type operand struct {
	register register
	constant int64 // where register is noRegister
}

func inRegister(r register) operand { return operand{register: r} }
func number(n int64) operand        { return operand{register: noRegister, constant: n} }

// memory is base + offset, or an address of the file where base is noRegister
// and static is true. Where neither holds the place is not modelled: an index,
// a segment.
type memory struct {
	base   register
	static bool
	offset int64
}

// step is one operation of an instruction.
type step struct {
	op        operation
	dst       register
	a, b      operand
	memory    memory
	size      uint8 // bytes that are read, written, compared or computed
	extend    uint8 // opSigned, opLoadSigned: bytes of the destination
	condition condition
	target    uint64
	apart     bool // opBranch: by opTestApart
}

// instruction is what the decoders hand to the interpreter.
type instruction struct {
	steps  []step
	length uint64
	text   string // of calls and jumps
	// landing says that the instruction stands at the entry of functions only.
	landing bool
}

// negate gives the opposite condition.
func (c condition) negate() condition {
	switch c {
	case condEqual, condNotEqual:
		return c ^ 1
	case condLess:
		return condGreaterOrEqual
	case condLessOrEqual:
		return condGreater
	case condGreater:
		return condLessOrEqual
	case condGreaterOrEqual:
		return condLess
	case condBelow:
		return condAboveOrEqual
	case condBelowOrEqual:
		return condAbove
	case condAbove:
		return condBelowOrEqual
	case condAboveOrEqual:
		return condBelow
	}
	return condOther
}
