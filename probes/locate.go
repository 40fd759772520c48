// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"errors"
	"fmt"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

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

// functionArgs finds the integer arguments of a function at its entry, or where it
// is called, by the System V calling convention (AMD64) or AAPCS64.
func functionArgs(machine elf.Machine, entered bool) locate {
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
		place := n - len(registers)
		if entered {
			place++ // above the return address
		}
		return bpf.ProgramsArg{Kind: argMem, Size: 8, Base: uint8(usdt.RSP), Disp: int64(place) * 8}, nil
	}
}

// noArgs is for the return of a function: its arguments are gone.
func noArgs(int) (bpf.ProgramsArg, error) {
	return bpf.ProgramsArg{}, errors.New("when a function returns its arguments are gone")
}

// integer makes a location yield a number of a profile's type. The value that
// a USDT note or a path describes is as wide as those say; the type only
// narrows it.
func integer(arg bpf.ProgramsArg, t catalog.Type) bpf.ProgramsArg {
	if t == catalog.TypeBool {
		return arg
	}
	if size := uint8(t.Bytes()); size < arg.Size {
		arg.Size = size
		arg.IsSigned = 0
		if t.Signed() {
			arg.IsSigned = 1
		}
	}
	return arg
}
