// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"errors"
	"fmt"
)

// ErrRefused is wrapped by every error about code that does not decode.
var ErrRefused = errors.New("not decoded")

// refuse gives the error for code that does not decode.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Code gives the machine code at a virtual address of a file: up to n bytes,
// fewer at the end of a segment. An error means that no code is there.
type Code interface {
	At(address uint64, n int) ([]byte, error)
}

// Function is a function that is decoded.
type Function struct {
	Address uint64 // virtual
	// Size is the length of its code in bytes, 0 if it is not known: behind it is
	// another function, which a call that does not return seems to lead into.
	Size uint64
	// Variable is the virtual address of a variable by which it finds its
	// structure, or 0: what that holds is then argument 0, not its own first one.
	Variable uint64
}

// Chain leads from a pointer to a value. For each of Offsets, value becomes
// what lies at value+offset: 8 bytes for all but the last, Size bytes for the
// last. Then Add is added. Without Offsets the value is the pointer plus Add.
//
// Where the pointer that it starts from is null, or one that is loaded and
// loaded through, the chain gives 0, without Add. The last value loaded is no
// such pointer: Add is added to it whatever it is.
type Chain struct {
	Offsets []int32
	// Add is other than 0 where the function returns the address of a member.
	Add int64
	// Size is the width in bytes of the last load: 1, 2, 4 or 8.
	Size uint8
	// Signed says that the last load is extended by its sign.
	Signed bool
}

// Getter is what a function tells that only reads. Which part of it is the
// function's result only its declaration says; at least one is there.
type Getter struct {
	// Results are the chains from the first argument to what the result
	// registers hold at the end: rax and rdx, or x0 and x1. The second is there
	// where it decodes too, and may as well be left over from the work.
	Results []Chain
	// Out are the chains from the first argument to what the function stores
	// where its further arguments point to, in the order of the arguments and
	// of the offsets behind them. Where such an argument is null the function
	// may store nothing.
	Out []Chain
	// Empty says that the function gives the address of an empty string where
	// it finds a null pointer on the way; the chain gives 0 there.
	Empty bool
}

// Store is one field that a setter writes.
type Store struct {
	// Arg is the number of the argument that is stored, from 1. It is 0 where
	// Constant is stored or added.
	Arg uint8
	// From leads from that argument to what is stored: without Offsets it is
	// the argument itself.
	From Chain
	// Place leads from the first argument to the field: it reads what the
	// function has stored.
	Place Chain
	// Adds says that the function adds to the field.
	Adds bool
	// Constant is what is stored or added where Arg is 0.
	Constant int64
}

// Setter is what a function stores into the structure of its first argument.
// A way through it may store less, behind a test for null or of a flag; then
// what is stored on fewer ways comes later. A value that goes to one of two
// places by a test is left out.
type Setter struct {
	Stores []Store // by argument, then by the order of the code
}

// Fixed gives the field in which a constant is stored, or to which one is
// added, if there is just one such field.
func (s *Setter) Fixed() (Chain, bool) {
	var found []Chain
	for _, st := range s.Stores {
		if st.Arg == 0 {
			found = append(found, st.Place)
		}
	}
	if len(found) != 1 {
		return Chain{}, false
	}
	return found[0], true
}

// Set gives the field that an argument is stored in: the first if there are
// several.
func (s *Setter) Set(arg uint8) (Chain, bool) { return s.first(arg, false) }

// Added gives the field that an argument, or a constant if arg is 0, is added
// to: the first if there are several.
func (s *Setter) Added(arg uint8) (Chain, bool) { return s.first(arg, true) }

func (s *Setter) first(arg uint8, adds bool) (Chain, bool) {
	for _, st := range s.Stores {
		if st.Arg == arg && st.Adds == adds && len(st.From.Offsets) == 0 {
			return st.Place, true
		}
	}
	return Chain{}, false
}

// Predicate is a function that compares a value with a constant: its result is
// 1 where (value & Mask) Compare Value holds, else 0.
type Predicate struct {
	Chain   Chain
	Mask    uint64 // all ones where there is none
	Compare Comparison
	Value   int64
}

// Comparison is how a predicate compares.
type Comparison uint8

// The comparisons. Less and its kind are signed, Below and its kind unsigned.
const (
	Equal Comparison = iota
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Below
	BelowOrEqual
	Above
	AboveOrEqual
)

func (c Comparison) String() string {
	names := [...]string{"==", "!=", "<", "<=", ">", ">=", "u<", "u<=", "u>", "u>="}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("Comparison(%d)", uint8(c))
}

// architecture decodes instructions and knows the calling convention.
type architecture interface {
	// decode gives the instruction at an address, from at most 16 bytes, or
	// the reason why it is not followed.
	decode(code []byte, address uint64) (instruction, string)
	// convention gives what calls rely on.
	convention() *convention
}

// convention is a calling convention, in register numbers of this package.
type convention struct {
	arguments []register
	results   [2]register
	stack     register
	// link is the register that holds the return address at the entry, or none.
	link register
	// kept says which registers a called function leaves as they were.
	kept [registers]bool
}

func architectureOf(machine elf.Machine) (architecture, error) {
	switch machine {
	case elf.EM_X86_64:
		return x86{}, nil
	case elf.EM_AARCH64:
		return arm64{}, nil
	}
	return nil, refuse("code of %s is not served", machine)
}
