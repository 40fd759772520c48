// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/kerneltypes"
	"github.com/spanbridge/spanbridge/probes/tracefs"
)

// maxMatches is how many probes a pattern may stand for.
const maxMatches = 512

// kernel is what the running kernel says of itself, read where it is needed. Its
// zero value is ready for use.
type kernel struct {
	version uint32     // as a code
	cache   *btf.Cache // shared with the loading of programs, or nil
	types   *kerneltypes.Types
	traces  *tracefs.FS
	// refused are addresses at which the kernel did not let a program run, with
	// the reason.
	refused map[catalog.Address]string
	granted map[catalog.ProbeKind]error // what has been asked
}

func (k *kernel) close() {
	if k.traces != nil {
		k.traces.Close()
	}
	k.traces = nil
}

// refuse remembers that an address does not serve.
func (k *kernel) refuse(a catalog.Address, reason string) {
	if k.refused == nil {
		k.refused = make(map[catalog.Address]string)
	}
	k.refused[a] = reason
}

func (k *kernel) readTypes() (*kerneltypes.Types, error) {
	if k.types != nil {
		return k.types, nil
	}
	if k.cache == nil {
		k.cache = btf.NewCache()
	}
	spec, err := k.cache.Kernel()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	k.types = kerneltypes.New(spec)
	return k.types, nil
}

func (k *kernel) tracefs() (*tracefs.FS, error) {
	if k.traces != nil {
		return k.traces, nil
	}
	fs, err := tracefs.Open()
	if err != nil {
		return nil, fmt.Errorf("%w; rawtracepoint needs none", explain(err))
	}
	k.traces = fs
	return fs, nil
}

// find returns the places that an address stands for: one, or all that match a
// pattern, with why some of those are left out.
func (k *kernel) find(a catalog.Address) (points []*kernelPoint, leftOut []string, err error) {
	if reason := k.refused[a]; reason != "" {
		return nil, nil, errors.New(reason)
	}
	if reason := forbidden(a); reason != "" {
		return nil, nil, errors.New(reason)
	}
	if err := k.grants(a.Kind); err != nil {
		return nil, nil, err
	}
	addresses := []catalog.Address{a}
	if a.IsPattern() {
		if addresses, leftOut, err = k.matches(a); err != nil {
			return nil, nil, err
		}
	}
	points = make([]*kernelPoint, 0, len(addresses))
	for _, one := range addresses {
		p, err := k.point(one)
		if err != nil {
			return nil, nil, err
		}
		points = append(points, p)
	}
	return points, leftOut, nil
}

// point looks up a single place.
func (k *kernel) point(a catalog.Address) (*kernelPoint, error) {
	p := &kernelPoint{address: a, types: k.readTypes}
	if a.Kind == catalog.Tracepoint {
		fs, err := k.tracefs()
		if err != nil {
			return nil, err
		}
		p.event, err = fs.Event(a.Provider, a.Name)
		if errors.Is(err, tracefs.ErrUnknown) {
			return nil, k.noTracepoint(fs, a)
		}
		return p, err
	}
	types, err := k.readTypes()
	if err != nil {
		return nil, err
	}
	if a.Kind == catalog.RawTracepoint {
		p.function, err = types.RawTracepoint(a.Symbol)
		if errors.Is(err, kerneltypes.ErrUnknown) {
			return nil, fmt.Errorf("the kernel has no raw tracepoint %s%s", a.Symbol, catalog.DidYouMean(a.Symbol, types.RawTracepoints()))
		}
		return p, err
	}
	p.function, err = types.Function(a.Symbol)
	if errors.Is(err, kerneltypes.ErrUnknown) {
		if (a.Kind == catalog.Kprobe || a.Kind == catalog.Kretprobe) && inKallsyms(a.Symbol) {
			return p, nil // without a prototype
		}
		return nil, fmt.Errorf("the kernel has no function %s%s", a.Symbol, catalog.DidYouMean(a.Symbol, types.Functions()))
	}
	return p, err
}

func (k *kernel) noTracepoint(fs *tracefs.FS, a catalog.Address) error {
	full := a.Provider + ":" + a.Name
	names, err := fs.Names(a.Provider, "*")
	if err != nil || len(names) == 0 {
		names, _ = fs.Names("*", "*")
	}
	return fmt.Errorf("the kernel has no tracepoint %s%s", full, catalog.DidYouMean(full, names))
}

// inKallsyms reports whether the kernel has a symbol that its types do not tell
// of: a part of a function that the compiler has made one of its own.
func inKallsyms(name string) bool {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[2] == name && strings.EqualFold(fields[1], "t") {
			return true
		}
	}
	return false
}

// matches returns the addresses that match a pattern, sorted, and why some are left out.
func (k *kernel) matches(a catalog.Address) ([]catalog.Address, []string, error) {
	all, err := k.everyMatch(a)
	if err != nil {
		return nil, nil, err
	}
	if n := len(all); n > maxMatches {
		return nil, nil, fmt.Errorf("%s matches %d probes, more than %d: narrow it", a, n, maxMatches)
	}
	return allowed(all)
}

// everyMatch returns the addresses that match a pattern, sorted.
func (k *kernel) everyMatch(a catalog.Address) ([]catalog.Address, error) {
	names, err := k.matchingNames(a)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("nothing in the kernel matches %s", a)
	}
	all := make([]catalog.Address, len(names))
	for i, name := range names {
		all[i] = catalog.Address{Kind: a.Kind, Symbol: name}
		if a.Kind == catalog.Tracepoint {
			category, event, _ := strings.Cut(name, ":")
			all[i] = catalog.Address{Kind: a.Kind, Provider: category, Name: event}
		}
	}
	return all, nil
}

func (k *kernel) matchingNames(a catalog.Address) ([]string, error) {
	if a.Kind == catalog.Tracepoint {
		fs, err := k.tracefs()
		if err != nil {
			return nil, err
		}
		return fs.Names(a.Provider, a.Name)
	}
	names, err := k.functions(a.Kind)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !tracefs.Match(a.Symbol, name) })
	slices.Sort(names)
	return slices.Compact(names), nil
}

// functions lists what probes of a kind can be at: functions that the kernel's
// own tracer takes, or, where it does not list them, all.
func (k *kernel) functions(kind catalog.ProbeKind) ([]string, error) {
	types, err := k.readTypes()
	if err != nil {
		return nil, err
	}
	if kind == catalog.RawTracepoint {
		return types.RawTracepoints(), nil
	}
	if fs, err := k.tracefs(); err == nil {
		if names, err := fs.Functions(); err == nil && len(names) > 0 {
			return names, nil
		}
	}
	return types.Functions(), nil
}
