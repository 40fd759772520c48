// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/kerneltypes"
)

// kernelPlace is what captures at a place in the kernel are compiled with.
type kernelPlace struct {
	point *kernelPoint
	types func() (*kerneltypes.Types, error)
	slots catalog.Slots
	roles *catalog.Roles
	// missing takes why captures are left out, by name, and had which are not.
	missing map[string]string
	had     map[string]bool
}

// kernelSpec compiles what to do at one place in the kernel.
func kernelSpec(probe *catalog.Probe, p *kernelPlace) (bpf.ProgramsSpec, error) {
	spec := bpf.ProgramsSpec{Flags: specArmed}
	if w := probe.When; w != nil {
		f, err := p.value(w.Arg, w.Field, nil, w.Returned, w.Descriptor)
		if err == nil {
			spec.Guard, err = f.number(w.Type, false)
		}
		cutOut(&spec.Guard, w.Bits)
		if err != nil {
			return spec, w.At.Fault("%v", err)
		}
		spec.When, spec.WhenBase = w.Mask(), uint16(w.Base())
		if w.Type == catalog.TypeBool {
			spec.Flags |= specTruth
		}
	}
	var err error
	for i, path := range probe.Key {
		if spec.Key[i], err = p.word(path); err != nil {
			return spec, probe.At.Fault("key: %v", err)
		}
	}
	if probe.Given != "" {
		if spec.Given, err = p.word(probe.Given); err != nil {
			return spec, probe.At.Fault("given: %v", err)
		}
	}
	if probe.Owner != "" {
		if spec.Owner, err = p.owner(probe.Owner); err != nil {
			return spec, probe.At.Fault("owner: %v", err)
		}
		spec.Flags |= specOwner
	}
	if probe.Optional {
		spec.Flags |= specOptional
	}
	for _, c := range ordered(probe.Captures, func(c *catalog.Capture) bool { return roleOf(c, p.roles) != roleNone }) {
		compiled, err := p.capture(c)
		if err != nil {
			p.missing[c.Name] = err.Error()
			continue
		}
		p.had[c.Name] = true
		spec.Capture[spec.Captures] = compiled
		spec.Captures++
	}
	return spec, nil
}

// word finds a field that is a number or an address.
func (p *kernelPlace) word(path string) (bpf.ProgramsArg, error) {
	f, err := p.point.field(path)
	if err != nil {
		return bpf.ProgramsArg{}, err
	}
	return f.number(catalog.TypeU64, false)
}

// Owners that are no fields.
const (
	ownerCurrent = "current"
	ownerNobody  = "nobody"
)

// owner finds the struct task_struct whose an operation is.
func (p *kernelPlace) owner(name string) (bpf.ProgramsArg, error) {
	switch name {
	case ownerCurrent:
		return bpf.ProgramsArg{Kind: argTask, Size: 8}, nil
	case ownerNobody:
		return bpf.ProgramsArg{Kind: argConst, Size: 8}, nil
	}
	f, err := p.point.field(name)
	if err != nil {
		return bpf.ProgramsArg{}, err
	}
	return f.pointer(false)
}

// cutOut leaves the bits of a value that a profile asks for.
func cutOut(arg *bpf.ProgramsArg, bits []int) {
	if len(bits) == 2 {
		arg.Right, arg.Bits = uint8(bits[0]), uint8(bits[1])
	}
}

// value finds what a capture or a condition begins with.
func (p *kernelPlace) value(arg *int, field, task catalog.Fields, returned bool, descriptor string) (found, error) {
	switch {
	case descriptor != "":
		return firstOf(field, func(path string) (found, error) { return p.ofFile(descriptor, path) })
	case arg != nil:
		return p.point.argument(*arg)
	case returned:
		return p.point.result()
	case len(task) > 0:
		return firstOf(task, p.task)
	}
	return firstOf(field, p.point.field)
}

// firstOf takes the first of the names that there is.
func firstOf(names catalog.Fields, find func(string) (found, error)) (found, error) {
	var reasons []string
	for _, name := range names {
		f, err := find(name)
		if err == nil {
			return f, nil
		}
		reasons = append(reasons, err.Error())
	}
	return found{}, errors.New(strings.Join(reasons, "; "))
}

// ofFile finds a field of the file that a descriptor stands for.
func (p *kernelPlace) ofFile(descriptor, path string) (found, error) {
	number, err := p.point.field(descriptor)
	if err != nil {
		return found{}, err
	}
	if number.arg.Kind != argContext || number.arg.Loads > 0 {
		return found{}, fmt.Errorf("descriptor: %s is no number at the probe itself", descriptor)
	}
	types, err := p.types()
	if err != nil {
		return found{}, err
	}
	chain, err := types.Behind("file", path)
	if err != nil {
		return found{}, err
	}
	return through(bpf.ProgramsArg{Kind: argFile, Size: 8, Disp: number.arg.Disp}, chain)
}

// task finds a field of the current thread.
func (p *kernelPlace) task(path string) (found, error) {
	types, err := p.types()
	if err != nil {
		return found{}, err
	}
	chain, err := types.Behind("task_struct", path)
	if err != nil {
		return found{}, err
	}
	return through(bpf.ProgramsArg{Kind: argTask, Size: 8}, chain)
}

func (p *kernelPlace) capture(c *catalog.Capture) (bpf.ProgramsCapture, error) {
	out := bpf.ProgramsCapture{Role: roleOf(c, p.roles)}
	if c.If != "" {
		out.Needs = uint8(p.slots.Value(c.If)) + 1
	}
	if c.First {
		out.Flags |= captureFirst
	}
	if c.Errno {
		out.Flags |= captureErrno
	}
	if c.Equals != nil {
		out.Flags |= captureEquals
		out.Max = uint16(*c.Equals)
	}
	out.Slot = uint8(p.slots.String(c.Name))
	if c.Type.Integer() {
		out.Slot = uint8(p.slots.Value(c.Name))
	}
	var f found
	var err error
	switch {
	case c.Time:
		out.Type = captureTime
		return out, nil
	case c.Constant != nil:
		f = found{arg: bpf.ProgramsArg{Kind: argConst, Size: 8, Disp: int64(*c.Constant)}, size: 8}
	case c.Captured != "":
		slot := p.slots.Value(c.Captured)
		if slot < 0 {
			return out, fmt.Errorf("no integer capture %s was made before", c.Captured)
		}
		f = found{arg: bpf.ProgramsArg{Kind: argSaved, Size: 8, Base: uint8(slot)}, size: 8}
	default:
		if f, err = p.value(c.Arg, c.Field, c.Task, c.Returned, c.Descriptor); err != nil {
			return out, err
		}
	}
	if len(c.Offsets) > 0 {
		if f.arg, err = behind(f.arg, c.Offsets, c.Type); err != nil {
			return out, err
		}
		f.size = int(f.arg.Size)
	}
	switch c.Type {
	case catalog.TypeString:
		out.Type, out.Max = captureString, uint16(c.Max)
		out.Arg, err = f.pointer(c.User)
	case catalog.TypeAddress:
		var n int
		out.Type = captureBytes
		out.Arg, n, err = f.ip()
		out.Max = uint16(n)
	case catalog.TypeArguments:
		out.Type, out.Max, out.Flags = captureBytes, uint16(c.Max), out.Flags|captureEnd
		if out.Arg, err = f.pointer(c.User); err == nil {
			out.Length, err = p.end(c)
		}
	default:
		out.Type = captureInt
		out.Arg, err = f.number(c.Type, c.User)
		cutOut(&out.Arg, c.Bits)
	}
	return out, err
}

// later compiles what the probe would read in the memory of the process at an address that
// the start has captured, to be read while the operation is open.
func (p *kernelPlace) later(probe *catalog.Probe) (all []bpf.ProgramsCapture) {
	for _, c := range probe.Captures {
		if c.Captured == "" || !c.User || c.If != "" {
			continue
		}
		if compiled, err := p.capture(c); err == nil && compiled.Arg.Kind == argSaved && compiled.Arg.Loads == 0 {
			all = append(all, compiled)
		}
	}
	return all
}

// end finds the address at which arguments end.
func (p *kernelPlace) end(c *catalog.Capture) (bpf.ProgramsArg, error) {
	find := p.point.field
	if len(c.Task) > 0 {
		find = p.task
	}
	f, err := firstOf(c.End, find)
	if err != nil {
		return bpf.ProgramsArg{}, fmt.Errorf("end: %w", err)
	}
	return f.number(catalog.TypeU64, false)
}
