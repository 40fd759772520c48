// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"slices"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// ErrRefused is wrapped where it is not certain which calls there are.
var ErrRefused = errors.New("not all calls are certain")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// MaxSites bounds the calls of one function.
const MaxSites = 64

// Site is an instruction that calls a function. Addresses are virtual, in the
// file's own layout.
type Site struct {
	Address uint64 `json:"address"`
	// Function is the address of the function, or part of one, that the
	// instruction is in.
	Function uint64 `json:"function"`
	// Target is what the instruction names: the function that is called, its
	// entry in the procedure linkage table or its slot in the global offset table.
	Target uint64 `json:"target"`
	// Jump says that the call is a jump in the last place of a function: the
	// stack is then as at the entry of what is called.
	Jump bool `json:"jump,omitempty"`
}

// Result is what was found of one function.
type Result struct {
	Sites []Site // by address
	// Err is why it is not certain that these are all. It wraps [ErrRefused], or
	// is that of reading.
	Err error
}

// Find looks for the calls of functions, which are given by their addresses, in
// all code of a file. That takes some 4 ms a megabyte.
func Find(f *elf.File, functions []uint64) map[uint64]*Result {
	s := &search{file: f, machine: machineOf(f.Machine), targets: make(map[uint64]target), found: make(map[uint64]*Result)}
	for _, address := range functions {
		s.targets[address] = target{function: address}
		s.found[address] = &Result{}
	}
	if len(functions) > 0 {
		s.first, s.last = slices.Min(functions), slices.Max(functions)
	}
	if err := s.run(); err != nil {
		for _, r := range s.found {
			r.Sites, r.Err = nil, err
		}
	}
	return s.found
}

// Confirm reports whether there is still, or at all, a call of its target at a
// site. It looks at one instruction only.
func Confirm(f *elf.File, s Site) bool {
	m := machineOf(f.Machine)
	if m == nil {
		return false
	}
	code := make([]byte, m.longest())
	for ; len(code) > 0; code = code[:len(code)-1] {
		if elffile.ReadAt(f, s.Address, code) == nil { // fewer at the end of a segment
			break
		}
	}
	b, ok := m.branch(code, s.Address)
	return ok && !b.conditional && b.target == s.Target && b.jump == s.Jump
}

// search is one pass over the code of a file.
type search struct {
	file    *elf.File
	machine machine
	// targets are what instructions may name, with the function that it is.
	targets map[uint64]target
	found   map[uint64]*Result
	frames  *frames
	decoded uint64 // bytes of functions
	// first and last are the lowest and the highest of the functions.
	first, last uint64
}

// isFunction reports whether an address is that of one of the functions.
func (s *search) isFunction(address uint64) bool {
	return address >= s.first && address <= s.last && s.found[address] != nil
}

// target is what an instruction may name.
type target struct {
	function uint64
	slot     bool // it holds the function's address
}

func (s *search) run() error {
	if s.machine == nil {
		return refuse("code of %s is not served", s.file.Machine)
	}
	var err error
	if s.frames, err = openFrames(s.file); err != nil {
		return err
	}
	if err := s.addSlots(); err != nil {
		return err
	}
	if err := s.addStubs(); err != nil {
		return err
	}
	err = eachCode(s.file, func(code []byte, address uint64) {
		s.machine.candidates(code, address, s.targets, s.take)
	})
	for _, r := range s.found {
		slices.SortFunc(r.Sites, func(a, b Site) int { return cmp.Compare(a.Address, b.Address) })
	}
	return err
}

// take confirms a candidate: an address at which, or shortly before which, an
// instruction that names a target seems to begin.
func (s *search) take(field, target uint64) {
	r := s.found[s.targets[target].function]
	if r.Err != nil || s.within(field, isStubs) {
		return
	}
	site, err := s.confirm(field, target)
	switch {
	case err != nil:
		r.Sites, r.Err = nil, err
	case site == nil, slices.Contains(r.Sites, *site): // seen in the chunk before
	case len(r.Sites) == MaxSites:
		r.Sites, r.Err = nil, refuse("more than %d", MaxSites)
	default:
		r.Sites = append(r.Sites, *site)
	}
}

// confirm decodes a function up to the instruction that the field of a candidate
// is in. The result is nil if that is another one, which looks like a call.
func (s *search) confirm(field, target uint64) (*Site, error) {
	around, err := s.frames.find(field)
	if err != nil {
		return nil, refuse("what seems to be one at %#x: %v", field, err)
	}
	if around.size > maxFunction {
		return nil, refuse("one at %#x is in a function of %d bytes, more than %d", field, around.size, maxFunction)
	}
	if s.decoded += around.size; s.decoded > maxDecoded {
		return nil, refuse("they are in functions of more than %d bytes", maxDecoded)
	}
	code := make([]byte, around.size)
	if err := elffile.ReadAt(s.file, around.start, code); err != nil {
		return nil, err
	}
	at, err := s.machine.instructionOf(code, around.start, field)
	if err != nil {
		return nil, refuse("what seems to be one at %#x: %v", field, err)
	}
	b, ok := s.machine.branch(code[at-around.start:], at)
	switch {
	case !ok || b.target != target || b.bySlot != s.targets[target].slot:
		return nil, nil
	case around.start == s.targets[target].function && b.jump:
		return nil, nil // a loop
	case b.conditional:
		return nil, refuse("a jump at %#x depends on a condition", at)
	}
	return &Site{Address: at, Function: around.start, Target: target, Jump: b.jump}, nil
}

// Bounds of what is decoded, in bytes: one function, whose longest have some 100 kB
// in a server, and all.
const (
	maxFunction = 1 << 20
	maxDecoded  = 16 << 20
)
