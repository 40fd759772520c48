// SPDX-License-Identifier: Apache-2.0

package kerneltypes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Types are the types of a kernel.
type Types struct{ spec *btf.Spec }

// New returns the types of a kernel.
func New(spec *btf.Spec) *Types { return &Types{spec} }

// ErrUnknown is wrapped where the kernel has no function or tracepoint of a name.
var ErrUnknown = errors.New("the kernel has no such function")

// Function is a function of the kernel, or a raw tracepoint.
type Function struct {
	Name    string
	Args    []Arg
	Returns btf.Type

	types *Types
}

// Arg is an argument of a function.
type Arg struct {
	Name string
	Type btf.Type
}

// Find returns the number of the argument of that name, or -1.
func (f *Function) Find(name string) int {
	return slices.IndexFunc(f.Args, func(a Arg) bool { return a.Name == name })
}

// Names lists the names of the arguments.
func (f *Function) Names() []string {
	names := make([]string, len(f.Args))
	for i, a := range f.Args {
		names[i] = a.Name
	}
	return names
}

// Function returns the function of that name.
func (t *Types) Function(name string) (*Function, error) {
	var f *btf.Func
	if err := t.spec.TypeByName(name, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, notFound(err))
	}
	proto, ok := f.Type.(*btf.FuncProto)
	if !ok {
		return nil, fmt.Errorf("%s: it has no prototype", name)
	}
	return t.function(name, proto, proto.Params), nil
}

// notFound replaces an error by ErrUnknown if that is what it says.
func notFound(err error) error {
	if errors.Is(err, btf.ErrNotFound) {
		return ErrUnknown
	}
	return err
}

// rawPrefix begins the names of the types of raw tracepoints: a pointer to a
// function whose first argument is the tracepoint's own data
// (include/trace/bpf_probe.h).
const rawPrefix = "btf_trace_"

// RawTracepoint returns the arguments of the raw tracepoint of that name.
func (t *Types) RawTracepoint(name string) (*Function, error) {
	var def *btf.Typedef
	if err := t.spec.TypeByName(rawPrefix+name, &def); err != nil {
		return nil, fmt.Errorf("%s: %w", name, notFound(err))
	}
	pointer, ok := btf.UnderlyingType(def.Type).(*btf.Pointer)
	if !ok {
		return nil, fmt.Errorf("%s: it has no prototype", name)
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) == 0 {
		return nil, fmt.Errorf("%s: it has no prototype", name)
	}
	f := t.function(name, proto, proto.Params[1:])
	t.nameArgs(name, f)
	return f, nil
}

// nameArgs takes the names of a raw tracepoint's arguments from the function that
// passes them on: parameters of a pointer to a function have none.
func (t *Types) nameArgs(name string, f *Function) {
	for _, prefix := range []string{"__bpf_trace_", "__traceiter_", "perf_trace_"} {
		var named *btf.Func
		if t.spec.TypeByName(prefix+name, &named) != nil {
			continue
		}
		proto, ok := named.Type.(*btf.FuncProto)
		if !ok || len(proto.Params) != len(f.Args)+1 {
			continue
		}
		for i, p := range proto.Params[1:] {
			if f.Args[i].Name == "" {
				f.Args[i].Name = p.Name
			}
		}
	}
}

func (t *Types) function(name string, proto *btf.FuncProto, params []btf.FuncParam) *Function {
	f := &Function{Name: name, Returns: proto.Return, types: t}
	for _, p := range params {
		f.Args = append(f.Args, Arg{p.Name, p.Type})
	}
	return f
}

// Functions lists the names of all functions, sorted.
func (t *Types) Functions() []string {
	return t.list(func(ty btf.Type) string {
		if f, ok := ty.(*btf.Func); ok {
			return f.Name
		}
		return ""
	})
}

// RawTracepoints lists the names of all raw tracepoints, sorted.
func (t *Types) RawTracepoints() []string {
	return t.list(func(ty btf.Type) string {
		def, ok := ty.(*btf.Typedef)
		if !ok || !strings.HasPrefix(def.Name, rawPrefix) {
			return ""
		}
		return strings.TrimPrefix(def.Name, rawPrefix)
	})
}

func (t *Types) list(name func(btf.Type) string) (all []string) {
	for ty, err := range t.spec.All() {
		if err != nil {
			break
		}
		if n := name(ty); n != "" {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
