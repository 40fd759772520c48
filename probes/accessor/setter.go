// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"cmp"
	"debug/elf"
	"slices"
)

// DecodeSetter decodes the function at a virtual address as a setter of fields
// of its first argument's structure. Calls on the way are stepped over, since a
// called function leaves the saved registers as they are; what follows the
// stores does not matter. Errors wrap [ErrRefused] and say why.
func DecodeSetter(machine elf.Machine, code Code, address uint64) (*Setter, error) {
	a, err := architectureOf(machine)
	if err != nil {
		return nil, err
	}
	ways, err := explore(a, code, address, true)
	if err != nil {
		return nil, err
	}
	f := &found{}
	for _, w := range ways {
		if err := f.addWay(w); err != nil {
			return nil, err
		}
	}
	stores := f.stores
	if len(stores) == 0 {
		return nil, refuse("no argument is stored")
	}
	slices.SortStableFunc(stores, func(a, b Store) int {
		return cmp.Or(cmp.Compare(a.Arg, b.Arg), slices.Compare(a.From.Offsets, b.From.Offsets))
	})
	return &Setter{Stores: stores}, nil
}

// found gathers the first store of every value.
type found struct {
	stores  []Store
	origins []origin
}

// origin is what is stored: a chain from an argument, or a constant added.
type origin struct {
	from  walk
	added int64
	place walk
}

// addWay takes the first store of each value on a way and refuses one that
// differs from another way's.
func (f *found) addWay(w outcome) error {
	if w.stopped != "" && !w.left && len(w.stores) == 0 {
		return refuse("%s", w.stopped)
	}
	var seen []origin
	for _, st := range w.stores {
		store, o, ok := storeOf(st)
		if !ok || slices.ContainsFunc(seen, o.same) {
			continue
		}
		seen = append(seen, o)
		i := slices.IndexFunc(f.origins, o.same)
		switch {
		case i < 0:
			f.origins = append(f.origins, o)
			f.stores = append(f.stores, store)
		case f.origins[i].place != o.place:
			return refuse("argument %d is stored at one of two places, by a test", o.from.arg)
		default:
			f.stores[i].Adds = f.stores[i].Adds && store.Adds
		}
	}
	return nil
}

// same reports whether two origins are the same value; constants that are
// added differ by their place.
func (o origin) same(other origin) bool {
	if o.added != 0 || other.added != 0 {
		return o == other
	}
	return o.from.arg == other.from.arg && o.from.loads == other.from.loads && o.from.offsets == other.from.offsets
}

// storeOf gives the store of an argument, or of a constant that is added, into
// the structure of the first argument.
func storeOf(st stored) (Store, origin, bool) {
	if st.place.kind != walked || st.place.walk.arg != 0 {
		return Store{}, origin{}, false
	}
	place := st.place.chain()
	o := origin{place: st.place.walk}
	v := st.value
	whole := v.width >= st.place.walk.size
	switch {
	case v.kind == sum && v.sameWalk(st.place.walk) && whole:
		o.from = walk{arg: v.addend}
		return Store{Arg: v.addend, From: Chain{Size: place.Size}, Place: place, Adds: true}, o, true
	case v.kind == walked && v.sameWalk(st.place.walk) && v.add != 0 && whole:
		o.added = numberValue(v.add).signExtended(place.Size, wholeRegister).add
		return Store{Place: place, Adds: true, Constant: o.added}, o, true
	case v.kind == walked && v.walk.arg > 0 && v.add == 0 && whole:
		o.from = v.walk
		return Store{Arg: v.walk.arg, From: v.chain(), Place: place}, o, true
	}
	return Store{}, origin{}, false
}

// sameWalk reports whether a value was loaded from a place.
func (v value) sameWalk(place walk) bool {
	return v.walk.arg == place.arg && v.walk.loads == place.loads && v.walk.offsets == place.offsets &&
		v.walk.size == place.size
}
