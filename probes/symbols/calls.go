// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"maps"

	"github.com/spanbridge/spanbridge/probes/calls"
)

// Calls returns where the program calls the functions at these addresses. The
// first time all code is searched, at some 4 ms a megabyte; what is certain is
// kept in the cache. The errors in the results are those of [calls.Find].
func (t *Table) Calls(functions ...uint64) map[uint64]*calls.Result {
	if t.cache == nil {
		sources := t.sources()
		t.recallOnce(sources)
		closeAll(sources)
	}
	all := make(map[uint64]*calls.Result, len(functions))
	var unknown []uint64
	for _, f := range functions {
		if all[f] = t.calls[f]; all[f] == nil {
			unknown = append(unknown, f)
		}
	}
	if len(unknown) == 0 {
		return all
	}
	found := calls.Find(t.image.elf, unknown)
	if len(t.calls)+len(found) > maxKnown {
		clear(t.calls)
	}
	maps.Copy(t.calls, found)
	maps.Copy(all, found)
	t.cache.save(t)
	return all
}

// certainCalls are the results that are worth keeping.
func (t *Table) certainCalls() map[uint64][]calls.Site {
	certain := make(map[uint64][]calls.Site)
	for f, r := range t.calls {
		if r.Err == nil {
			certain[f] = append([]calls.Site{}, r.Sites...)
		}
	}
	return certain
}

// recallCalls takes over what a cache file holds of a function, if there is a call
// at each of its sites.
func (t *Table) recallCalls(function uint64, sites []calls.Site) {
	if len(sites) > calls.MaxSites {
		return
	}
	for _, s := range sites {
		if !t.image.isCode(s.Address) || !calls.Confirm(t.image.elf, s) {
			return
		}
	}
	t.calls[function] = &calls.Result{Sites: sites}
}
