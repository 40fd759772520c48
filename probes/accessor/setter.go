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
	_, ways, err := explore(machine, code, Function{Address: address}, true)
	if err != nil {
		return nil, err
	}
	f := &found{}
	for _, w := range ways {
		if w.stopped != "" && !w.left && len(w.stores) == 0 {
			return nil, refuse("%s", w.stopped)
		}
		f.addWay(w)
	}
	stores := f.agreed()
	if len(stores) == 0 {
		return nil, refuse("nothing is stored at one place")
	}
	slices.SortStableFunc(stores, func(a, b Store) int { return cmp.Compare(a.Arg, b.Arg) })
	return &Setter{Stores: stores}, nil
}

// origin is what is stored and how: a chain from an argument, or a constant.
type origin struct {
	from  walk
	fixed int64
	adds  bool
}

// isConstant reports whether no argument is in it.
func (o origin) isConstant() bool { return o.from == walk{} }

// found gathers the distinct stores of all ways.
type found struct {
	stores    []foundStore
	ambiguous []origin
}

type foundStore struct {
	origin
	place walk
	first bool // of its origin on a way
	store Store
}

// addWay takes the stores of a way. Two ways that store a value at different
// places first leave open which is the field.
func (f *found) addWay(w outcome) {
	var seen []origin
	for _, st := range w.stores {
		s, ok := storeOf(st)
		if !ok {
			continue
		}
		s.first = !slices.Contains(seen, s.origin) && !(s.adds && s.isConstant())
		seen = append(seen, s.origin)
		i := slices.IndexFunc(f.stores, func(o foundStore) bool { return o.origin == s.origin && o.place == s.place })
		if i < 0 {
			i = len(f.stores)
			f.stores = append(f.stores, s)
		}
		f.stores[i].first = f.stores[i].first || s.first
		if s.first && slices.ContainsFunc(f.stores, func(o foundStore) bool {
			return o.first && o.origin == s.origin && o.place != s.place
		}) {
			f.ambiguous = append(f.ambiguous, s.origin)
		}
	}
}

// agreed gives the stores whose field is not open.
func (f *found) agreed() []Store {
	var out []Store
	for _, s := range f.stores {
		if !slices.Contains(f.ambiguous, s.origin) {
			out = append(out, s.store)
		}
	}
	return out
}

// storeOf gives the store of an argument or of a constant, or its addition, into
// the structure of the first argument.
func storeOf(st stored) (foundStore, bool) {
	v, place := st.value, st.place.walk
	if st.place.kind != walked || place.arg != 0 || v.width < place.size {
		return foundStore{}, false
	}
	f := foundStore{place: place, store: Store{Place: st.place.chain()}}
	switch {
	case v.kind == sum && v.sameWalk(place):
		f.origin = origin{from: walk{arg: v.addend, size: place.size}, adds: true}
		f.store.Arg, f.store.From, f.store.Adds = v.addend, Chain{Size: place.size}, true
	case v.kind == walked && v.sameWalk(place) && v.add != 0:
		added := numberValue(v.add).signExtended(place.size, wholeRegister).add
		f.origin = origin{fixed: added, adds: true}
		f.store.Constant, f.store.Adds = added, true
	case v.kind == constant:
		f.origin = origin{fixed: v.add}
		f.store.Constant = v.add
	case v.kind == walked && v.walk.arg > 0 && v.add == 0:
		f.origin = origin{from: v.walk}
		f.store.Arg, f.store.From = v.walk.arg, v.chain()
	default:
		return foundStore{}, false
	}
	return f, true
}

// sameWalk reports whether a value was loaded from a place.
func (v value) sameWalk(place walk) bool {
	return v.walk.arg == place.arg && v.walk.loads == place.loads && v.walk.offsets == place.offsets &&
		v.walk.size == place.size
}
