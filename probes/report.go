// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"cmp"
	"slices"
)

// Report says what is observed, and how.
type Report struct {
	Targets []TargetReport // by pid
	Sites   int            // probe sites with a program attached
}

// TargetReport is one process.
type TargetReport struct {
	PID        int
	Executable string
	Profile    string
	Operations []OperationReport
	// Missing says of each operation that cannot be seen why not.
	Missing []string
}

// OperationReport is how one operation of a process is seen.
type OperationReport struct {
	Name   string
	Tier   string
	Lacks  []string // what this tier cannot tell
	Misses []string // why the better tiers do not serve
	Costs  []Cost   // of the sites
}

// Report returns the state after the last scan. It is safe for concurrent use.
func (s *Session) Report() Report { return *s.report.Load() }

func (s *Session) publishReport() {
	var r Report
	for _, sv := range s.served {
		if len(sv.links) > 0 {
			r.Sites += len(sv.sites)
		}
	}
	for _, o := range s.seen {
		t := TargetReport{PID: o.pid, Executable: o.exePath, Profile: o.profile.Name, Missing: o.lacking}
		for _, sv := range o.served {
			op := OperationReport{Name: sv.operation.Name, Tier: sv.tier.Name, Lacks: sv.tier.Lacks, Misses: sv.misses}
			for i := range sv.sites {
				op.Costs = append(op.Costs, sv.sites[i].cost)
			}
			t.Operations = append(t.Operations, op)
		}
		r.Targets = append(r.Targets, t)
	}
	slices.SortFunc(r.Targets, func(a, b TargetReport) int { return cmp.Compare(a.PID, b.PID) })
	s.report.Store(&r)
}
