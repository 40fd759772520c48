// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"errors"
	"fmt"
	"math"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

// Numbers of record.h.
const (
	argNone = iota
	argConst
	argReg
	argMem
	argIndexed
)

const (
	captureInt = iota
	captureString
	captureText
)

const (
	roleNone = iota
	roleNamespace
	roleFailed
	roleError
	roleStart
)

const specOnlyTargets = 1

// noRegister is a number that no register has: the kernel side reads it as 0.
const noRegister = 255

// locate says where argument number n is at a site.
type locate func(n int) (bpf.ProgramsArg, error)

// usdtArgs finds the arguments of a USDT site.
func usdtArgs(site *usdt.Site) locate {
	return func(n int) (bpf.ProgramsArg, error) {
		if site.ArgsErr != nil {
			return bpf.ProgramsArg{}, site.ArgsErr
		}
		if n >= len(site.Args) {
			return bpf.ProgramsArg{}, fmt.Errorf("the probe has %d arguments", len(site.Args))
		}
		return usdtArg(&site.Args[n])
	}
}

func usdtArg(a *usdt.Arg) (bpf.ProgramsArg, error) {
	if a.Float {
		return bpf.ProgramsArg{}, errors.New("floating-point numbers cannot be captured")
	}
	out := bpf.ProgramsArg{Size: uint8(a.Size), Shift: a.Shift, Disp: a.Disp, Base: noRegister, Index: noRegister}
	if a.Signed {
		out.IsSigned = 1
	}
	if a.Base != usdt.NoRegister {
		out.Base = uint8(a.Base)
	}
	switch a.Kind {
	case usdt.Const:
		out.Kind = argConst
	case usdt.InRegister:
		out.Kind = argReg
		if a.High {
			out.Right = 8
		}
	case usdt.Memory:
		out.Kind = argMem
	case usdt.Indexed:
		out.Kind, out.Index = argIndexed, uint8(a.Index)
	default:
		return bpf.ProgramsArg{}, errors.New(a.Reason)
	}
	return out, nil
}

// functionArgs finds the integer arguments of a function at its entry, by the
// System V calling convention (AMD64) or AAPCS64.
func functionArgs(machine elf.Machine) locate {
	registers := []uint8{5, 4, 1, 2, 8, 9} // rdi, rsi, rdx, rcx, r8, r9
	if machine == elf.EM_AARCH64 {
		registers = []uint8{0, 1, 2, 3, 4, 5, 6, 7}
	}
	return func(n int) (bpf.ProgramsArg, error) {
		if n < len(registers) {
			return bpf.ProgramsArg{Kind: argReg, Size: 8, Base: registers[n]}, nil
		}
		if machine == elf.EM_AARCH64 {
			return bpf.ProgramsArg{}, errors.New("arguments beyond the eighth cannot be captured")
		}
		// Above the return address.
		return bpf.ProgramsArg{Kind: argMem, Size: 8, Base: uint8(usdt.RSP), Disp: int64(n-len(registers)+1) * 8}, nil
	}
}

// integer makes a location yield a number of a profile's type. The value that
// a USDT note describes is as wide as the note says; the type only narrows it.
func integer(arg bpf.ProgramsArg, t catalog.Type) bpf.ProgramsArg {
	if size := uint8(t.Bytes()); size < arg.Size || arg.Loads > 0 {
		arg.Size = size
		arg.IsSigned = 0
		if t.Signed() {
			arg.IsSigned = 1
		}
	}
	return arg
}

// siteSpec compiles what to do at one site.
func siteSpec(op uint16, probe *catalog.Probe, roles *catalog.Roles, s catalog.Slots, find locate) (bpf.ProgramsSpec, error) {
	spec := bpf.ProgramsSpec{Op: op}
	if probe.When != nil {
		arg, err := find(probe.When.Arg)
		if err != nil {
			return spec, probe.When.At.Fault("argument %d: %v", probe.When.Arg, err)
		}
		spec.Guard, spec.When = integer(arg, probe.When.Type), probe.When.Mask()
	}
	// Strings come before the text, which takes the rest of the buffer.
	ordered := make(catalog.Captures, 0, len(probe.Captures))
	for _, last := range []bool{false, true} {
		for _, c := range probe.Captures {
			if (c.Type == catalog.TypeSQL) == last {
				ordered = append(ordered, c)
			}
		}
	}
	for _, c := range ordered {
		compiled, err := compileCapture(c, roles, s, find)
		if err != nil {
			return spec, c.At.Fault("argument %d: %v", c.Arg, err)
		}
		spec.Capture[spec.Captures] = compiled
		spec.Captures++
	}
	return spec, nil
}

func compileCapture(c *catalog.Capture, roles *catalog.Roles, s catalog.Slots, find locate) (bpf.ProgramsCapture, error) {
	out := bpf.ProgramsCapture{When: c.WhenMask(), Role: roleOf(c.Name, roles)}
	arg, err := find(c.Arg)
	if err != nil {
		return out, err
	}
	for i, offset := range c.Offsets {
		if offset < math.MinInt32 || offset > math.MaxInt32 {
			return out, fmt.Errorf("offset %d is out of range", offset)
		}
		arg.Offsets[i] = int32(offset)
		arg.Loads++
	}
	switch {
	case c.Type.Integer():
		out.Type, out.Slot, out.Arg = captureInt, uint8(s.Value(c.Name)), integer(arg, c.Type)
	case c.Type == catalog.TypeString:
		out.Type, out.Slot, out.Max = captureString, uint8(s.String(c.Name)), uint32(c.Max)
		out.Arg = pointer(arg)
	default:
		out.Type, out.Arg = captureText, pointer(arg)
		if c.Length != nil {
			length, err := find(c.Length.Arg)
			if err != nil {
				return out, fmt.Errorf("length: %w", err)
			}
			out.Length = integer(length, c.Length.Type)
		}
	}
	return out, nil
}

// pointer makes the last load of a chain as wide as an address.
func pointer(arg bpf.ProgramsArg) bpf.ProgramsArg {
	if arg.Loads > 0 {
		arg.Size, arg.IsSigned = 8, 0
	}
	return arg
}

func roleOf(capture string, roles *catalog.Roles) uint8 {
	switch capture {
	case roles.Namespace:
		return roleNamespace
	case roles.Failed:
		return roleFailed
	case roles.Error:
		return roleError
	case roles.Start:
		return roleStart
	}
	return roleNone
}

// operationFields maps captures to attributes and roles. What no tier captures
// gives no field.
func operationFields(op *catalog.Operation, tier *catalog.Tier, s catalog.Slots) (fields []bridge.Field, constants []bridge.Attr) {
	types := make(map[string]catalog.Type)
	for _, probe := range tier.Probes() {
		for _, c := range probe.Captures {
			types[c.Name] = c.Type
		}
	}
	mapped := make(map[string]bool)
	for _, a := range op.Attributes {
		if a.Value != nil {
			constants = append(constants, a.Value.Attr(a.Key))
			continue
		}
		t, ok := types[a.Capture]
		if !ok || t == catalog.TypeSQL {
			continue
		}
		mapped[a.Capture] = true
		f := newField(a.Capture, t, &op.Roles, s)
		f.Attr, f.OmitZero, f.Names = a.Key, a.OmitZero, a.Names
		fields = append(fields, f)
	}
	for _, probe := range tier.Probes() {
		for _, c := range probe.Captures {
			if !mapped[c.Name] && c.Type != catalog.TypeSQL {
				mapped[c.Name] = true
				fields = append(fields, newField(c.Name, c.Type, &op.Roles, s))
			}
		}
	}
	return fields, constants
}

func newField(name string, t catalog.Type, roles *catalog.Roles, s catalog.Slots) bridge.Field {
	f := bridge.Field{Name: name, Type: bridge.FieldUint}
	switch {
	case t == catalog.TypeString:
		f.Type, f.Slot = bridge.FieldString, s.String(name)
	case t.Signed():
		f.Type, f.Slot = bridge.FieldInt, s.Value(name)
	default:
		f.Slot = s.Value(name)
	}
	switch roleOf(name, roles) {
	case roleNamespace:
		f.Role = bridge.RoleNamespace
	case roleFailed:
		f.Role = bridge.RoleFailed
	case roleError:
		f.Role = bridge.RoleErrorNumber
	}
	return f
}
