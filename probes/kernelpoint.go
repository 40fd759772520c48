// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/kerneltypes"
	"github.com/spanbridge/spanbridge/probes/tracefs"
)

// kernelPoint is one place in the kernel, with what is known of its arguments.
type kernelPoint struct {
	address  catalog.Address
	function *kerneltypes.Function // of a function or raw tracepoint; nil: no prototype
	event    *tracefs.Event        // of a tracepoint
	types    func() (*kerneltypes.Types, error)
}

// found is where a value is, and what: a number of size bytes, or something that
// lies at an address.
type found struct {
	arg   bpf.ProgramsArg
	size  int  // of a number in bytes, 0 where the value is an address
	text  bool // a string lies there
	bytes int  // of what lies at the address
}

// pieces of struct pt_regs in which the calling convention has arguments and the
// result (arch/x86/include/asm/ptrace.h, arch/arm64/include/asm/ptrace.h).
var ptRegs = map[string]struct {
	args   []int64
	result int64
}{
	"amd64": {[]int64{112, 104, 96, 88, 72, 64}, 80}, // di, si, dx, cx, r8, r9; ax
	"arm64": {[]int64{0, 8, 16, 24, 32, 40, 48, 56}, 0},
}

// word is where the words of arguments are in a program's context: registers at
// a kprobe, an array else (include/linux/bpf.h: trampolines and raw tracepoints).
func (k *kernelPoint) word(n int) (bpf.ProgramsArg, error) {
	arg := bpf.ProgramsArg{Kind: argContext, Size: 8, Disp: int64(8 * n)}
	if k.address.Kind == catalog.Kprobe {
		registers := ptRegs[runtime.GOARCH].args
		if n >= len(registers) {
			return arg, fmt.Errorf("only the first %d arguments of a function can be captured at a kprobe", len(registers))
		}
		arg.Disp = registers[n]
	}
	return arg, nil
}

// wordsOf is how many words the first n arguments take: a structure of up to 16
// bytes is passed in two.
func (k *kernelPoint) wordsOf(n int) int {
	words := 0
	for _, a := range k.function.Args[:n] {
		if size, err := btf.Sizeof(a.Type); err == nil && size > 8 {
			words++
		}
		words++
	}
	return words
}

// argument finds the argument of a number.
func (k *kernelPoint) argument(n int) (found, error) {
	if k.event != nil {
		return found{}, errors.New("values of a tracepoint have names: use field")
	}
	if k.function == nil {
		arg, err := k.word(n)
		return found{arg: arg, size: 8, text: true}, err
	}
	chain, err := k.function.Argument(n)
	if err != nil {
		return found{}, err
	}
	return k.behind(n, chain)
}

// field finds a value by its name.
func (k *kernelPoint) field(path string) (found, error) {
	if k.event != nil {
		return k.eventField(path)
	}
	if k.function == nil {
		return found{}, fmt.Errorf("the kernel does not tell the arguments of %s: use arg", k.address.Symbol)
	}
	n, chain, err := k.function.Chain(path)
	if err != nil {
		return found{}, err
	}
	return k.behind(n, chain)
}

// behind finds what a chain leads to, from the argument of a number.
func (k *kernelPoint) behind(n int, chain kerneltypes.Chain) (found, error) {
	arg, err := k.word(k.wordsOf(n))
	if err != nil {
		return found{}, err
	}
	return through(arg, chain)
}

// result finds what the function returns.
func (k *kernelPoint) result() (found, error) {
	arg := bpf.ProgramsArg{Kind: argContext, Size: 8}
	switch {
	case k.address.Kind == catalog.Kretprobe:
		arg.Disp = ptRegs[runtime.GOARCH].result
	case k.function != nil:
		arg.Disp = int64(8 * k.wordsOf(len(k.function.Args)))
	}
	if k.function == nil {
		return found{arg: arg, size: 8, text: true}, nil
	}
	chain, err := k.function.Result()
	if err != nil {
		return found{}, err
	}
	return through(arg, chain)
}

// through lays the loads of a chain behind a value.
func through(arg bpf.ProgramsArg, chain kerneltypes.Chain) (found, error) {
	if len(chain.Loads) > bpf.MaxLoads {
		return found{}, fmt.Errorf("more than %d pointers on the way", bpf.MaxLoads)
	}
	for i, offset := range chain.Loads {
		arg.Offsets[i] = int32(offset)
	}
	arg.Loads, arg.Add = uint8(len(chain.Loads)), int32(chain.Add)
	if chain.Size != 0 {
		arg.Size = uint8(chain.Size)
		arg.IsSigned = bit(chain.Signed)
	}
	return found{arg: arg, size: chain.Size, text: chain.Text, bytes: chain.Bytes}, nil
}

// eventField finds a field of a tracepoint's record, or an element of one.
func (k *kernelPoint) eventField(path string) (found, error) {
	name, index, indexed := strings.Cut(path, ".")
	f := k.event.Find(name)
	if f == nil {
		var names []string
		for _, one := range k.event.Fields {
			names = append(names, one.Name)
		}
		return found{}, fmt.Errorf("%s:%s has no field %s, it has %s", k.event.Category, k.event.Name, name, strings.Join(names, ", "))
	}
	arg := bpf.ProgramsArg{Kind: argContext, Disp: int64(f.Offset), Size: uint8(min(f.Size, 8)), IsSigned: bit(f.Signed)}
	switch {
	case indexed && f.Array > 0:
		n, err := strconv.ParseUint(index, 10, 31)
		if err != nil || n >= uint64(f.Array) {
			return found{}, fmt.Errorf("%q is no element of %s, an array of %d", index, name, f.Array)
		}
		size := f.Size / f.Array
		arg.Disp, arg.Size = arg.Disp+int64(size)*int64(n), uint8(min(size, 8))
		return found{arg: arg, size: int(arg.Size)}, nil
	case indexed && f.Size == 8 && strings.HasPrefix(index, "("):
		types, err := k.types()
		if err != nil {
			return found{}, err
		}
		chain, err := types.Cast(index)
		if err != nil {
			return found{}, err
		}
		return through(arg, chain)
	case indexed:
		return found{}, fmt.Errorf("the tracepoint does not tell what is behind its field %s", name)
	case f.Dynamic:
		arg.Kind, arg.Size = argDataLoc, 8
		if f.Relative {
			arg.Add = int32(f.Offset + f.Size)
		}
		return found{arg: arg, text: f.Text()}, nil
	case f.Array > 0 || f.Size > 8:
		arg.Kind, arg.Size = argInside, 8
		return found{arg: arg, text: f.Text(), bytes: f.Size}, nil
	}
	return found{arg: arg, size: f.Size, text: f.Pointer()}, nil
}

// number makes of what was found a number of a profile's type.
func (f found) number(t catalog.Type, user bool) (bpf.ProgramsArg, error) {
	if f.size == 0 {
		return f.arg, errors.New("it is an array or a structure, no number")
	}
	arg := integer(f.arg, t)
	if user && arg.Loads > 0 {
		arg.User = 1 << (arg.Loads - 1)
	}
	return arg, nil
}

// pointer makes of what was found the address of bytes.
func (f found) pointer(user bool) (bpf.ProgramsArg, error) {
	arg := f.arg
	if f.size != 0 && f.size != 8 {
		return arg, fmt.Errorf("it is a number of %d bytes, no string", f.size)
	}
	if user {
		arg.User = 1 << arg.Loads
	}
	return arg, nil
}

// ip makes of what was found the place of an IP address, and its length.
func (f found) ip() (bpf.ProgramsArg, int, error) {
	arg := f.arg
	if f.size == 0 && (f.bytes == 4 || f.bytes == 16) {
		return arg, f.bytes, nil
	}
	if f.size != 4 {
		return arg, 0, errors.New("it is no IP address: that has 4 or 16 bytes")
	}
	arg.Size, arg.IsSigned = 8, 0
	if arg.Loads == 0 {
		arg.Kind = argInside
		return arg, 4, nil
	}
	arg.Loads--
	arg.Add = arg.Offsets[arg.Loads]
	arg.Offsets[arg.Loads] = 0
	return arg, 4, nil
}
