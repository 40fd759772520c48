// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"maps"
	"slices"

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
	withoutPrograms := *spec
	withoutPrograms.Programs = nil
	all, err := ebpf.NewCollectionWithOptions(&withoutPrograms, ebpf.CollectionOptions{Cache: types})
	if err != nil {
		return fmt.Errorf("create maps: %w", err)
	}
	defer all.Close() // closes what was not assigned
	if all.Programs, err = loadPrograms(spec, all.Maps, types); err != nil {
		return err
	}
	if err := all.Assign(objects); err != nil {
		return fmt.Errorf("assign programs and maps: %w", err)
	}
	return nil
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
		portion := spec.Copy()
		maps.DeleteFunc(portion.Programs, func(name string, _ *ebpf.ProgramSpec) bool { return !slices.Contains(names, name) })
		go func() {
			c, err := ebpf.NewCollectionWithOptions(portion, ebpf.CollectionOptions{Cache: types, MapReplacements: with})
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
