// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/tracefs"
)

// own are places that the work of a program at a probe passes itself, by why a
// program there may never come to its end. The kernel lets programs be attached
// there, or refuses some kinds only (btf_id_deny, kernel/bpf/verifier.c).
var own = []struct {
	reason string
	// tracepoints, of a category or all of it, and functions; they may be patterns.
	category  string
	names     []string
	functions []string
}{
	{
		reason:   "programs at probes read memory that may not be there, and each fault would run one more",
		category: "exceptions", names: []string{"page_fault_kernel"},
	},
	{
		reason:   "every program that runs passes it",
		category: "preemptirq", names: []string{"irq_disable", "irq_enable", "preempt_disable", "preempt_enable"},
		functions: []string{"migrate_disable", "migrate_enable", "preempt_count_add", "preempt_count_sub", "__rcu_read_lock", "__rcu_read_unlock"},
	},
	{
		reason:   "a program there would wait for locks of the buffer of records while it has them",
		category: "lock", names: []string{"contention_begin", "contention_end", "lock_acquire", "lock_acquired", "lock_contended", "lock_release"},
		functions: []string{"_raw_spin_*lock*", "*queued_spin_lock_slowpath", "resilient_*spin_lock_slowpath"},
	},
}

// forbidden says why no program is attached at a single address, or is empty.
func forbidden(a catalog.Address) string {
	for _, o := range own {
		var among bool
		switch a.Kind {
		case catalog.Tracepoint:
			among = a.Provider == o.category && slices.Contains(o.names, a.Name)
		case catalog.RawTracepoint:
			among = slices.Contains(o.names, a.Symbol)
		default:
			among = slices.ContainsFunc(o.functions, func(pattern string) bool { return tracefs.Match(pattern, a.Symbol) })
		}
		if among {
			return o.reason
		}
	}
	return ""
}

// allowed leaves out the addresses that a program may not be attached at, and says
// why. It is an error if none is left.
func allowed(all []catalog.Address) (good []catalog.Address, leftOut []string, err error) {
	for _, a := range all {
		why := forbidden(a)
		if why == "" {
			good = append(good, a)
			continue
		}
		leftOut = append(leftOut, fmt.Sprintf("%s: %s", a, why))
	}
	if len(good) == 0 {
		return nil, nil, errors.New(strings.Join(leftOut, "; "))
	}
	return good, leftOut, nil
}
