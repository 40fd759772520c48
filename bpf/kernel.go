// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// KernelSettings say how much the programs at probes of the kernel keep.
type KernelSettings struct {
	Slots    int // operations that a thread keeps
	Strings  int // bytes of all strings of an operation
	Pending  int // operations that are kept by key, in all
	WakeSize int // as Settings.RingBytes
}

// Action is what a program does at its probe.
type Action string

// The actions, by the names of their programs.
const (
	ActionStart Action = "kernel_start"
	ActionDone  Action = "kernel_done"
	ActionPoint Action = "kernel_point"
)

// Kernel holds the maps of the programs at probes of the kernel, and makes those
// programs. It is safe for concurrent use.
type Kernel struct {
	spec    *ebpf.CollectionSpec
	types   *btf.Cache
	shared  map[string]*ebpf.Map
	Objects KernelObjects // without the programs at probes and the iterators

	mu        sync.Mutex               // guards iterators
	iterators map[string]*ebpf.Program // nil: closed
}

// NewKernel creates the maps that the programs do not share with the others,
// and loads those that look after them. The others stay the caller's.
func NewKernel(s KernelSettings, types *btf.Cache, others *ProgramsMaps) (*Kernel, error) {
	spec, err := kernelSpec(s)
	if err != nil {
		return nil, err
	}
	k := &Kernel{spec: spec, types: types, iterators: make(map[string]*ebpf.Program), shared: map[string]*ebpf.Map{
		KernelMapCounters: others.Counters, KernelMapEmptyHistogram: others.EmptyHistogram, KernelMapEvents: others.Events,
		KernelMapHistograms: others.Histograms, KernelMapOps: others.Ops, KernelMapSites: others.Sites,
		KernelMapTargets: others.Targets, KernelMapThreads: others.Threads,
		KernelMapAsked: others.Asked, KernelMapBuffers: others.Buffers,
	}}
	for name, m := range k.shared {
		spec.Maps[name].MaxEntries = m.MaxEntries()
	}
	for name := range spec.Maps {
		if strings.HasPrefix(name, KernelMapBuffers) && name != KernelMapBuffers {
			delete(spec.Maps, name) // each is in the array of them, which the others have filled
		}
	}
	spec.Maps[KernelMapBuffers].Contents = nil
	spec.Maps[KernelMapPoints].MaxEntries = others.Sites.MaxEntries()
	watching := *spec
	watching.Programs = map[string]*ebpf.ProgramSpec{KernelProgPendingExit: spec.Programs[KernelProgPendingExit]}
	kernel, err := types.Kernel()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	all, err := ebpf.NewCollectionWithOptions(&watching, ebpf.CollectionOptions{
		Cache: types, Programs: ebpf.ProgramOptions{KernelTypes: kernel}, MapReplacements: k.shared,
	})
	if err != nil {
		return nil, fmt.Errorf("load programs for probes of the kernel: %w", err)
	}
	defer all.Close()
	var own struct {
		Threads     *ebpf.Map     `ebpf:"pending_of_thread"`
		Pending     *ebpf.Map     `ebpf:"pending"`
		NoEvent     *ebpf.Map     `ebpf:"no_event"`
		Open        *ebpf.Map     `ebpf:"open_pending_operations"`
		Points      *ebpf.Map     `ebpf:"points"`
		NoneAsked   *ebpf.Map     `ebpf:"none_asked"`
		Calls       *ebpf.Map     `ebpf:"calls"`
		PendingExit *ebpf.Program `ebpf:"pending_exit"`
	}
	if err := all.Assign(&own); err != nil {
		return nil, fmt.Errorf("assign programs and maps: %w", err)
	}
	k.Objects.PendingOfThread, k.Objects.Pending, k.Objects.NoEvent = own.Threads, own.Pending, own.NoEvent
	k.Objects.OpenPendingOperations, k.Objects.Points, k.Objects.NoneAsked = own.Open, own.Points, own.NoneAsked
	k.Objects.PendingExit, k.Objects.Calls = own.PendingExit, own.Calls
	return k, nil
}

func kernelSpec(s KernelSettings) (*ebpf.CollectionSpec, error) {
	spec, err := LoadKernel()
	if err != nil {
		return nil, fmt.Errorf("read embedded programs: %w", err)
	}
	data := uint32(s.Strings) + MaxString
	one := uint32(unsafe.Sizeof(ProgramsEvent{})) + data
	one = (one + 7) &^ 7 // the record behind it is aligned
	data = one - uint32(unsafe.Sizeof(ProgramsEvent{}))
	for name, value := range map[string]uint32{
		KernelVarDataSize: data, KernelVarSlots: uint32(max(s.Slots, 1)), KernelVarWakeShift: wakeShift(s.WakeSize),
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	setValueSize(spec.Maps[KernelMapPendingOfThread], one*uint32(max(s.Slots, 1)))
	setValueSize(spec.Maps[KernelMapPending], one)
	setValueSize(spec.Maps[KernelMapNoEvent], one)
	spec.Maps[KernelMapPending].MaxEntries = uint32(max(s.Pending, 1))
	return spec, nil
}

// Hook is a kind of probe: how the kernel runs a program there.
type Hook struct {
	Type   ebpf.ProgramType
	Attach ebpf.AttachType
	To     string // the function or raw tracepoint, of tracing programs
	// Site is the one that a program is loaded for, or by what it is found where system
	// calls begin and return; nil: the attach cookie tells.
	Site *uint32
}

// Sites of a [Hook] at the raw tracepoints sys_enter and sys_exit: the number of the
// system call tells, by the map of calls, where those that return are MaxCalls behind.
const (
	SiteByCall   = 1<<32 - 2
	SiteByReturn = 1<<32 - 3
	MaxCalls     = 1024
)

// Program loads a program for a kind of probe. The caller closes it.
func (k *Kernel) Program(action Action, hook Hook) (*ebpf.Program, error) {
	p := k.spec.Programs[string(action)].Copy()
	p.Type, p.AttachType, p.AttachTo = hook.Type, hook.Attach, hook.To
	spec := *k.spec
	spec.Programs = map[string]*ebpf.ProgramSpec{string(action): p}
	if hook.Site != nil {
		spec.Variables = maps.Clone(k.spec.Variables)
		spec.Variables[KernelVarOnlySite] = spec.Variables[KernelVarOnlySite].Copy()
		if err := spec.Variables[KernelVarOnlySite].Set(*hook.Site); err != nil {
			return nil, fmt.Errorf("set site: %w", err)
		}
	}
	return k.load(&spec, string(action))
}

// KernelIterators are the programs that read what is open: nobody asks for that at first.
var KernelIterators = []string{KernelProgCountPending, KernelProgReadPending, KernelProgTakePending}

// Iterator returns one of the iterators, loaded for whoever asks for it first. It stays
// the property of k.
func (k *Kernel) Iterator(name string) (*ebpf.Program, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.iterators == nil {
		return nil, ErrClosed
	}
	if p := k.iterators[name]; p != nil {
		return p, nil
	}
	spec := *k.spec
	spec.Programs = map[string]*ebpf.ProgramSpec{name: k.spec.Programs[name]}
	p, err := k.load(&spec, name)
	if err != nil {
		return nil, err
	}
	k.iterators[name] = p
	return p, nil
}

// load loads a program of a collection whose maps exist.
func (k *Kernel) load(spec *ebpf.CollectionSpec, name string) (*ebpf.Program, error) {
	with := map[string]*ebpf.Map{
		KernelMapPendingOfThread: k.Objects.PendingOfThread, KernelMapPending: k.Objects.Pending,
		KernelMapNoEvent: k.Objects.NoEvent, KernelMapOpenPendingOperations: k.Objects.OpenPendingOperations,
		KernelMapPoints: k.Objects.Points, KernelMapNoneAsked: k.Objects.NoneAsked, KernelMapCalls: k.Objects.Calls,
	}
	maps.Copy(with, k.shared)
	return loadProgram(spec, name, k.types, with)
}

// RecordSize is how many bytes an operation takes that is open, with the room for its strings.
func (k *Kernel) RecordSize() int { return int(k.Objects.Pending.ValueSize()) }

// Close frees the iterators, and the maps that are not shared. Programs in use keep them.
func (k *Kernel) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	errs := []error{k.Objects.Close()}
	for _, p := range k.iterators {
		errs = append(errs, p.Close())
	}
	k.iterators = nil
	return errors.Join(errs...)
}
