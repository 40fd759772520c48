// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/probes/accessor"
	"github.com/spanbridge/spanbridge/probes/calls"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// callsError is why a function cannot be probed where it is called.
type callsError struct {
	function string
	err      error
}

func (e *callsError) Error() string { return fmt.Sprintf("calls of %s: %v", e.function, e.err) }

// resolveCalls returns the sites at which a function is called.
func (t *tierPlan) resolveCalls(file *binary, a catalog.Address, probe *catalog.Probe, function uint64) ([]site, error) {
	found, err := t.callsOf(file, probe, function)
	if err != nil {
		return nil, &callsError{a.Symbol, err}
	}
	var sites []site
	for _, c := range found {
		offset, ok := file.fileOffset(c.Address)
		if !ok {
			return nil, fmt.Errorf("%s: %#x lies outside the executable segments", file.path, c.Address)
		}
		code, err := file.At(c.Address, 16)
		if err != nil {
			return nil, fmt.Errorf("read code of %s at %#x: %w", file.path, c.Address, err)
		}
		spec, err := siteSpec(probe, t.place(file, c.Address, functionArgs(file.elf.Machine, c.Jump)))
		if err != nil {
			return nil, err
		}
		sites = append(sites, site{file: file, probe: a.String(), offset: offset, cost: callCost(file.elf.Machine, code), spec: spec})
	}
	return sites, nil
}

// callsOf returns the calls of a function but for those that the probe excepts.
func (t *tierPlan) callsOf(file *binary, probe *catalog.Probe, function uint64) ([]calls.Site, error) {
	if hasShadowStack(t.view.process.pid) {
		return nil, errShadowStack
	}
	all := file.callsFor(t.profile)
	found := all[function]
	if found.Err != nil {
		return nil, found.Err
	}
	sites := slices.Clone(found.Sites)
	if probe.Except != nil {
		excepted, err := file.handed(probe.Except)
		if err != nil {
			return nil, err
		}
		// What calls it directly would be left out with it.
		if own := all[excepted]; own.Err != nil || len(own.Sites) > 0 {
			return nil, fmt.Errorf("%s hands a function to %s that is called otherwise too, or may be", probe.Except.In, probe.Except.Call)
		}
		sites = slices.DeleteFunc(sites, func(s calls.Site) bool { return s.Function == excepted })
		if len(sites) == len(found.Sites) {
			return nil, fmt.Errorf("what %s hands to %s does not call it", probe.Except.In, probe.Except.Call)
		}
	}
	if len(sites) == 0 {
		return nil, fmt.Errorf("nothing in %s calls it by its name", file.path)
	}
	return sites, nil
}

// callsFor returns the calls of every function of which the profile wants them, or
// that it excepts, of those that are in the file: its code is searched once.
func (b *binary) callsFor(profile *catalog.Profile) map[uint64]*calls.Result {
	var functions []uint64
	for _, op := range profile.Operations {
		for _, tier := range op.Tiers {
			for _, probe := range tier.Probes() {
				functions = append(functions, b.calledAt(probe)...)
			}
		}
	}
	return b.symbols.Calls(functions...)
}

// calledAt lists the functions of which a probe has to know the calls.
func (b *binary) calledAt(probe *catalog.Probe) (functions []uint64) {
	if !probe.AtCalls {
		return nil
	}
	for _, a := range probe.Addresses {
		if symbol, ok := b.function(a.Symbol); ok {
			functions = append(functions, symbol.Value)
		}
	}
	if probe.Except != nil {
		if excepted, err := b.handed(probe.Except); err == nil {
			functions = append(functions, excepted)
		}
	}
	return functions
}

// handed returns the address of a function that another one hands to a third.
func (b *binary) handed(h *catalog.Handed) (uint64, error) {
	in, ok := b.function(h.In)
	if !ok {
		return 0, fmt.Errorf("%s is not exported", h.In)
	}
	call, ok := b.function(h.Call)
	if !ok {
		return 0, fmt.Errorf("%s is not exported", h.Call)
	}
	address, err := accessor.DecodeHanded(b.machine(), b, in.Value, call.Value, h.Argument)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", h.In, err)
	}
	return address, nil
}

// callCost is the cost of a hit at a call. The kernel emulates calls and jumps that
// name their target, whatever prefixes they have but one for 16 bits.
func callCost(machine elf.Machine, code []byte) Cost {
	if machine != elf.EM_X86_64 {
		return CostUnknown
	}
	length, _, ok := decodeX86(code)
	if !ok {
		return CostStepped
	}
	inst := code[:length]
	for len(inst) > 1 && (inst[0] == 0x67 || inst[0] == 0xf2) {
		inst = inst[1:]
	}
	if emulated(inst) {
		return CostEmulated
	}
	return CostStepped
}

// errShadowStack: Linux has shadow stacks from 6.6 on, and kernels that emulate a
// call without a word to them (branch_emulate_op in arch/x86/kernel/uprobes.c): the
// process would end where the call returns.
var errShadowStack = errors.New("the process has a shadow stack, on which the kernel may not push a call that is probed")

// hasShadowStack reports whether calls of a process are checked by the processor.
func hasShadowStack(pid int) bool {
	status, err := os.ReadFile(procPath(pid, "status"))
	return err == nil && shadowStackIn(string(status))
}

// shadowStackIn looks at /proc/PID/status (Documentation/arch/x86/shstk.rst).
func shadowStackIn(status string) bool {
	for line := range strings.Lines(status) {
		if features, ok := strings.CutPrefix(line, "x86_Thread_features:"); ok {
			return slices.Contains(strings.Fields(features), "shstk")
		}
	}
	return false
}
