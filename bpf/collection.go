// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// KernelTypes begins to read the kernel's types, which programs need, and does
// not wait for them.
func KernelTypes() *btf.Cache {
	types := btf.NewCache()
	go types.Kernel() // an error comes again where they are used
	return types
}

// Load creates the maps of the spec and loads all of its programs. The caller
// owns the objects and closes them; after an error there are none. The types
// are those of [KernelTypes]. An error of the verifier wraps
// [ebpf.VerifierError].
func Load(spec *ebpf.CollectionSpec, types *btf.Cache, objects *ProgramsObjects) error {
	l, err := Begin(spec, types)
	if err != nil {
		return err
	}
	defer l.Close() // closes what was not assigned
	programs := make(map[string]*ebpf.Program)
	for name := range l.programs {
		if programs[name], err = l.Program(name); err != nil {
			return err
		}
	}
	l.all.Programs = programs
	if err := l.all.Assign(objects); err != nil {
		return fmt.Errorf("assign programs and maps: %w", err)
	}
	clear(l.programs)
	return nil
}

// Loading is the maps of a spec, and its programs on their way through the
// verifier, which takes longer for the large ones than everything else of a start:
// each can be used as soon as it is there. It is safe for concurrent use.
type Loading struct {
	ProgramsMaps
	ProgramsVariables
	spec     ebpf.CollectionSpec
	all      *ebpf.Collection // the maps
	types    *btf.Cache
	programs map[string]*loading
	filled   func() error // waits until the map of maps is
}

// ErrClosed is why a program is not loaded any more.
var ErrClosed = errors.New("load a program: the others have gone")

// loading is a program, which is loaded for whoever asks for it first.
type loading struct {
	once    sync.Once
	program *ebpf.Program
	err     error
}

// Begin creates the maps of a spec and begins to load programs, in the order in
// which they are named, as many at a time as there are processors, since the
// verifier works in the thread that asks. Others are loaded when they are asked
// for. The types are those of [KernelTypes].
func Begin(spec *ebpf.CollectionSpec, types *btf.Cache, first ...string) (*Loading, error) {
	unfilled := *spec.Maps[ProgramsMapBuffers]
	unfilled.Contents = nil
	l := &Loading{spec: *spec, types: types, programs: make(map[string]*loading)}
	l.spec.Maps = maps.Clone(spec.Maps)
	l.spec.Maps[ProgramsMapBuffers], l.spec.Programs = &unfilled, nil
	var err error
	if l.all, err = ebpf.NewCollection(&l.spec); err != nil {
		return nil, fmt.Errorf("create maps: %w", err)
	}
	l.spec.Programs, l.spec.Variables = spec.Programs, nil
	for name := range spec.Programs {
		l.programs[name] = &loading{}
	}
	l.filled = fill(l.all.Maps, spec.Maps[ProgramsMapBuffers].Contents)
	view := ebpf.Collection{Maps: maps.Clone(l.all.Maps), Variables: maps.Clone(l.all.Variables)}
	if err := errors.Join(view.Assign(&l.ProgramsMaps), view.Assign(&l.ProgramsVariables)); err != nil {
		return nil, errors.Join(fmt.Errorf("assign maps: %w", err), l.Close())
	}
	l.load(first)
	return l, nil
}

// fill puts maps into the map of maps. After each change the kernel waits until
// no program uses what was there (maybe_wait_bpf_programs, kernel/bpf/syscall.c),
// for 10 ms or more: all wait at once, and while the verifier works.
func fill(with map[string]*ebpf.Map, contents []ebpf.MapKV) (wait func() error) {
	errs := make([]error, len(contents))
	var filling sync.WaitGroup
	for i, kv := range contents {
		filling.Go(func() {
			if err := with[ProgramsMapBuffers].Put(kv.Key, with[kv.Value.(string)]); err != nil {
				errs[i] = fmt.Errorf("fill map %s: %w", ProgramsMapBuffers, err)
			}
		})
	}
	return func() error {
		filling.Wait()
		return errors.Join(errs...)
	}
}

// load loads programs in that order, and does not wait for it.
func (l *Loading) load(names []string) {
	next := make(chan string, len(names))
	for _, name := range names {
		next <- name
	}
	close(next)
	for range min(len(names), runtime.NumCPU()) {
		go func() {
			for name := range next {
				l.verified(name) // an error comes again where the program is used
			}
		}()
	}
}

// Program returns a program when it is loaded. It stays the property of l.
func (l *Loading) Program(name string) (*ebpf.Program, error) {
	p := l.verified(name)
	return p.program, errors.Join(p.err, l.filled())
}

func (l *Loading) verified(name string) *loading {
	p := l.programs[name]
	p.once.Do(func() {
		one := l.spec
		one.Programs = map[string]*ebpf.ProgramSpec{name: l.spec.Programs[name]}
		p.program, p.err = loadProgram(&one, name, l.types, l.all.Maps)
	})
	return p
}

// loadProgram loads a program of a collection whose maps exist.
func loadProgram(spec *ebpf.CollectionSpec, name string, types *btf.Cache, with map[string]*ebpf.Map) (*ebpf.Program, error) {
	// Without being told the library looks into the types of all modules too.
	kernel, err := types.Kernel()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's types: %w", err)
	}
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Cache: types, Programs: ebpf.ProgramOptions{KernelTypes: kernel}, MapReplacements: with,
	})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.DetachProgram(name), nil
}

// Close frees the maps and the programs, and loads no other one.
func (l *Loading) Close() error {
	errs := []error{l.filled()}
	for _, p := range l.programs {
		p.once.Do(func() { p.err = ErrClosed })
		if p.program != nil {
			errs = append(errs, p.program.Close())
		}
	}
	l.all.Close()
	return errors.Join(errs...)
}
