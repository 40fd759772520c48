// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// KernelTypes begins to read the kernel's types, which [Load] needs, and does
// not wait for them.
func KernelTypes() *btf.Cache {
	types := btf.NewCache()
	go types.Kernel() // an error comes again where they are used
	return types
}

// Load creates the maps of the spec and loads its programs at the same time as
// each other: the verifier takes longer for the two large ones than everything
// else of a start, and it works for each in the thread that asks. The caller
// owns the objects and closes them; after an error there are none. The types
// are those of [KernelTypes]. An error of the verifier wraps
// [ebpf.VerifierError].
func Load(spec *ebpf.CollectionSpec, types *btf.Cache, objects *ProgramsObjects) error {
	unfilled := *spec.Maps[buffersMap]
	unfilled.Contents = nil
	parts := ebpf.CollectionSpec{Maps: maps.Clone(spec.Maps), Variables: spec.Variables, Types: spec.Types, ByteOrder: spec.ByteOrder}
	parts.Maps[buffersMap] = &unfilled
	all, err := ebpf.NewCollectionWithOptions(&parts, ebpf.CollectionOptions{Cache: types})
	if err != nil {
		return fmt.Errorf("create maps: %w", err)
	}
	defer all.Close() // closes what was not assigned
	filled := fill(all.Maps, spec.Maps[buffersMap].Contents)
	parts.Programs, parts.Variables = spec.Programs, nil
	all.Programs, err = loadPrograms(&parts, all.Maps, types)
	if err := errors.Join(err, <-filled); err != nil {
		return err
	}
	if err := all.Assign(objects); err != nil {
		return fmt.Errorf("assign programs and maps: %w", err)
	}
	return nil
}

// buffersMap holds the maps of record buffers.
const buffersMap = "buffers"

// fill puts maps into the map of maps. After each change the kernel waits until
// no program uses what was there (maybe_wait_bpf_programs, kernel/bpf/syscall.c),
// for 10 ms or more: all wait at once, and while the verifier works.
func fill(with map[string]*ebpf.Map, contents []ebpf.MapKV) <-chan error {
	filled := make(chan error, 1)
	go func() {
		errs := make([]error, len(contents))
		var filling sync.WaitGroup
		for i, kv := range contents {
			filling.Go(func() {
				if err := with[buffersMap].Put(kv.Key, with[kv.Value.(string)]); err != nil {
					errs[i] = fmt.Errorf("fill map %s: %w", buffersMap, err)
				}
			})
		}
		filling.Wait()
		filled <- errors.Join(errs...)
	}()
	return filled
}

// portions says which programs are loaded one after the other: the large ones
// each alone.
func portions(spec *ebpf.CollectionSpec) [][]string {
	const large = 1000 // instructions
	var all [][]string
	var small []string
	for name, program := range spec.Programs {
		if len(program.Instructions) > large {
			all = append(all, []string{name})
		} else {
			small = append(small, name)
		}
	}
	return append(all, small)
}

func loadPrograms(spec *ebpf.CollectionSpec, with map[string]*ebpf.Map, types *btf.Cache) (map[string]*ebpf.Program, error) {
	type result struct {
		programs map[string]*ebpf.Program
		err      error
	}
	work := portions(spec)
	results := make(chan result, len(work))
	for _, names := range work {
		portion := *spec
		portion.Programs = make(map[string]*ebpf.ProgramSpec)
		for _, name := range names {
			portion.Programs[name] = spec.Programs[name]
		}
		go func() {
			c, err := ebpf.NewCollectionWithOptions(&portion, ebpf.CollectionOptions{Cache: types, MapReplacements: with})
			if err != nil {
				results <- result{err: err}
				return
			}
			programs := c.Programs
			c.Programs = nil
			c.Close()
			results <- result{programs: programs}
		}()
	}
	all := make(map[string]*ebpf.Program)
	var errs []error
	for range work {
		r := <-results
		maps.Copy(all, r.programs)
		errs = append(errs, r.err)
	}
	if err := errors.Join(errs...); err != nil {
		for _, p := range all {
			p.Close()
		}
		return nil, err
	}
	return all, nil
}
