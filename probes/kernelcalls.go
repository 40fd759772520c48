// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/spanbridge/spanbridge/bpf"
)

// calledAt is where a system call begins, or returns.
type calledAt struct {
	raw   string // the raw tracepoint of all calls
	event string // what the names of the tracepoints of each begin with
	site  uint32 // of the program there
	first uint32 // where it looks
}

var callPlaces = []calledAt{
	{"sys_enter", "sys_enter_", bpf.SiteByCall, 0},
	{"sys_exit", "sys_exit_", bpf.SiteByReturn, bpf.MaxCalls},
}

// placeOfCall is where the map of calls has the site of a tracepoint; false if it is none
// of a system call, or of one whose number is not known.
func placeOfCall(k *kernelPoint) (at calledAt, place uint32, ok bool) {
	for _, at = range callPlaces {
		if name, is := strings.CutPrefix(k.address.Name, at.event); is && k.address.Provider == "syscalls" {
			number, known := syscallNumbers()[name]
			return at, at.first + number, known
		}
	}
	return at, 0, false
}

// syscallNumbers are the numbers of the system calls by the names that their
// functions in the kernel have too, and so their tracepoints.
var syscallNumbers = sync.OnceValue(func() map[string]uint32 {
	numbers := make(map[string]uint32, len(syscallTable))
	for _, call := range syscallTable {
		if call.number < bpf.MaxCalls {
			numbers[call.name] = uint32(call.number)
		}
	}
	return numbers
})

// hangCalls has a program that stands where all system calls begin or return count the
// hits of the tracepoints of many of them, and returns the sites that it has not taken.
func (k *kernelPrograms) hangCalls(sv *served, sites []int) (links []io.Closer, rest []int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	places := make(map[uint32]uint32) // sites plus 1
	needed := make(map[calledAt]bool)
	for _, i := range sites {
		at, place, ok := placeOfCall(sv.sites[i].kernel)
		if !ok || k.counting[place] {
			rest = append(rest, i)
			continue
		}
		places[place] = sv.indexes[i] + 1
		needed[at] = true
	}
	if len(places) <= fewTracepoints { // a few cost nothing while other calls are made
		return nil, sites, nil
	}
	for at := range needed {
		if k.watchCalls(at) != nil {
			return nil, sites, nil // one by one then
		}
	}
	counts := &callCounts{of: k}
	for place, site := range places {
		if err := k.Objects.Calls.Put(place, site); err != nil {
			return []io.Closer{counts}, nil, fmt.Errorf("configure counts of system calls: %w", err)
		}
		k.counting[place] = true
		counts.places = append(counts.places, place)
	}
	return []io.Closer{counts}, rest, nil
}

// watchCalls attaches, once, the program that finds sites by the numbers of calls.
func (k *kernelPrograms) watchCalls(at calledAt) error {
	if k.watched[at] {
		return nil
	}
	p, err := k.Program(bpf.ActionPoint, bpf.Hook{Type: ebpf.RawTracepoint, Site: &at.site})
	if err != nil {
		return err
	}
	k.all = append(k.all, p)
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: at.raw, Program: p})
	if err != nil {
		return err
	}
	k.hooks = append(k.hooks, l)
	k.watched[at] = true
	return nil
}

// callCounts are calls that are counted by their numbers.
type callCounts struct {
	of     *kernelPrograms
	places []uint32
}

// Close has them no longer counted.
func (c *callCounts) Close() error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	var errs []error
	for _, place := range c.places {
		errs = append(errs, c.of.Objects.Calls.Put(place, uint32(0)))
		delete(c.of.counting, place)
	}
	return errors.Join(errs...)
}
