// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"cmp"
	"slices"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// Report says what is observed, or would be, and how. Its JSON is read by other
// programs: docs/doctor.md defines the names.
type Report struct {
	Targets []TargetReport `json:"targets"` // by pid
	Hosts   []HostReport   `json:"hosts"`   // by profile
	Sites   int            `json:"-"`       // probe sites with a program attached
}

// TargetReport is one process.
type TargetReport struct {
	PID         int    `json:"pid"`
	Executable  string `json:"executable"` // path, as the process sees it
	ContainerID string `json:"container_id,omitempty"`
	Profile     string `json:"profile"`
	// Version is what the server calls itself, "" if it does not tell.
	Version  string   `json:"version"`
	Standing Standing `json:"standing"`
	// Tested are the versions with which the profile was tested.
	Tested     []string          `json:"tested"`
	Operations []OperationReport `json:"operations"`
	// Unseen are the operations that no tier serves.
	Unseen []UnseenReport `json:"unseen"`
	// LeftOut are the operations that need more detail than was asked for.
	LeftOut []string `json:"left_out"`
	Hints   []Hint   `json:"hints"`
}

// HostReport is a profile that is about the host.
type HostReport struct {
	Profile    string            `json:"profile"`
	Operations []OperationReport `json:"operations"`
	Unseen     []UnseenReport    `json:"unseen"`
	LeftOut    []string          `json:"left_out"`
}

// Standing says whether a profile was tested with a server's version.
type Standing string

// The standings.
const (
	StandingTested   Standing = "tested"
	StandingUnproven Standing = "unproven"
	StandingNone     Standing = "not stated" // the profile names no version
)

// OperationReport is how one operation of a process is seen.
type OperationReport struct {
	Name  string          `json:"name"`
	Tier  string          `json:"tier"`
	Sites []OperationSite `json:"sites"`
	// CostNs estimates what the probes take of the server's thread each time that
	// the operation happens; 0 if the cost of a site is not known.
	CostNs  int64            `json:"cost_ns,omitempty"`
	Lacks   []string         `json:"lacks"`   // what this tier cannot tell
	Missing []MissingCapture `json:"missing"` // what it could, and not of this program
	Misses  []Miss           `json:"misses"`  // why the better tiers do not serve
	// AtEntry is why functions are hit at their entry, more often than at the calls
	// that are meant; "" where they are not.
	AtEntry string   `json:"at_entry,omitempty"`
	Passed  []string `json:"passed"` // probes that would come first, and why they do not serve
}

// OperationSite is one place with a probe.
type OperationSite struct {
	Probe  string `json:"probe"` // in the profile's notation
	File   string `json:"file"`  // path, as the process sees it; "" in the kernel
	Offset uint64 `json:"offset"`
	Cost   Cost   `json:"cost"`
}

// MissingCapture is what a program does not let its tier tell.
type MissingCapture struct {
	Capture string `json:"capture"`
	// Attributes are those of the span that it would give.
	Attributes []string `json:"attributes"`
	Reason     string   `json:"reason"`
}

// UnseenReport is an operation that no tier serves.
type UnseenReport struct {
	Name   string `json:"name"`
	Misses []Miss `json:"misses"`
}

// Hint is what would show more of a target.
type Hint struct {
	Operations []string `json:"operations"`
	Tier       string   `json:"tier"` // that would serve
	Mend       string   `json:"mend"`
}

// Report returns the state after the last scan. It is safe for concurrent use.
func (s *Session) Report() Report { return *s.report.Load() }

func (s *Session) publishReport() {
	r := s.scout.report()
	for i := range r.Hosts {
		s.tellHost(s.hosts[i], &r.Hosts[i])
	}
	for i := range r.Targets {
		s.tell(&r.Targets[i])
	}
	for _, sv := range s.served {
		if len(sv.links) > 0 {
			r.Sites += len(sv.sites)
		}
	}
	s.report.Store(&r)
}

// report tells of the targets as they were last examined.
func (s *scout) report() Report {
	r := Report{Targets: []TargetReport{}, Hosts: []HostReport{}}
	for _, h := range s.hosts {
		r.Hosts = append(r.Hosts, s.hostReport(h))
	}
	for _, o := range s.seen {
		r.Targets = append(r.Targets, s.targetReport(o))
	}
	slices.SortFunc(r.Targets, func(a, b TargetReport) int { return cmp.Compare(a.PID, b.PID) })
	return r
}

func (s *scout) hostReport(h *hosted) HostReport {
	r := HostReport{Profile: h.profile.Name, Operations: []OperationReport{}, Unseen: []UnseenReport{}, LeftOut: []string{}}
	for _, p := range h.plans {
		if p.tier == nil {
			r.Unseen = append(r.Unseen, UnseenReport{Name: p.operation.Name, Misses: p.misses})
			continue
		}
		r.Operations = append(r.Operations, operationReport(p))
	}
	for _, op := range h.profile.Operations {
		if !s.cfg.Detail.Includes(op.Detail) {
			r.LeftOut = append(r.LeftOut, op.Name)
		}
	}
	return r
}

func (s *scout) targetReport(o *observed) TargetReport {
	t := TargetReport{
		PID: o.pid, Executable: o.exePath, ContainerID: o.box.id,
		Profile: o.profile.Name, Version: o.version, Standing: standingOf(o), Tested: listed(o.profile.Tested),
		Operations: []OperationReport{}, Unseen: []UnseenReport{}, LeftOut: []string{}, Hints: []Hint{},
	}
	for _, p := range o.plans {
		t.addHints(p)
		if p.tier == nil {
			t.Unseen = append(t.Unseen, UnseenReport{Name: p.operation.Name, Misses: p.misses})
			continue
		}
		t.Operations = append(t.Operations, operationReport(p))
	}
	t.Unseen = slices.DeleteFunc(t.Unseen, func(u UnseenReport) bool { return s.seenAsPhase(o.plans, u.Name) })
	for _, op := range o.profile.Operations {
		if !s.cfg.Detail.Includes(op.Detail) {
			t.LeftOut = append(t.LeftOut, op.Name)
		}
	}
	return t
}

// seenAsPhase reports whether an operation that no tier serves is told as a phase of
// one that is served.
func (s *scout) seenAsPhase(plans []*plan, name string) bool {
	return slices.ContainsFunc(plans, func(p *plan) bool {
		return p.tier != nil && slices.Contains(p.operation.Phases, name) && p.captures(p.operation.Roles.Boundary, s.cfg.Detail)
	})
}

// captures reports whether the tier that serves reads the capture, with that much
// detail.
func (p *plan) captures(name string, detail catalog.Detail) bool {
	if p.missing[name] != "" {
		return false
	}
	return slices.ContainsFunc(p.tier.Probes(), func(probe *catalog.Probe) bool {
		return detail.Includes(probe.Detail) && probe.Captures.Find(name) != nil
	})
}

// listed returns a list that is not null in JSON.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func standingOf(o *observed) Standing {
	switch {
	case len(o.profile.Tested) == 0:
		return StandingNone
	case o.profile.Proves(o.version):
		return StandingTested
	}
	return StandingUnproven
}

func operationReport(p *plan) OperationReport {
	r := OperationReport{
		Name: p.operation.Name, Tier: p.tier.Name, CostNs: costOf(p.sites),
		Lacks: listed(p.tier.Lacks), Missing: []MissingCapture{}, Misses: listed(p.misses), AtEntry: p.atEntry,
		Passed: listed(p.passed),
	}
	for i := range p.sites {
		at := &p.sites[i]
		site := OperationSite{Probe: at.probe, Offset: at.offset, Cost: at.cost}
		if at.file != nil {
			site.File = at.file.path
		}
		r.Sites = append(r.Sites, site)
	}
	told := make(map[string]bool)
	for _, probe := range p.tier.Probes() {
		for _, c := range probe.Captures {
			if reason := p.missing[c.Name]; reason != "" && !told[c.Name] {
				told[c.Name] = true
				r.Missing = append(r.Missing, MissingCapture{c.Name, attributesOf(p.operation, c.Name), reason})
			}
		}
	}
	return r
}

// attributesOf lists what a capture gives a span, by its attributes and roles.
func attributesOf(op *catalog.Operation, capture string) []string {
	keys := []string{}
	for _, a := range op.Attributes {
		if a.Capture == capture {
			keys = append(keys, a.Key)
		}
	}
	switch capture {
	case op.Roles.Text:
		keys = append(keys, "db.query.text", "db.query.summary")
	case op.Roles.Error:
		keys = append(keys, "db.response.status_code")
	}
	return keys
}

// addHints adds what would make a better tier serve: where none serves, where
// the one that does lacks something, and where the server only has to be set up
// otherwise.
func (t *TargetReport) addHints(p *plan) {
	for _, m := range p.misses {
		wanted := p.tier == nil || len(p.tier.Lacks) > 0 || m.unmet
		if m.Mend == "" || !wanted {
			continue
		}
		known := slices.IndexFunc(t.Hints, func(h Hint) bool { return h.Tier == m.Tier && h.Mend == m.Mend })
		if known < 0 {
			known = len(t.Hints)
			t.Hints = append(t.Hints, Hint{Tier: m.Tier, Mend: m.Mend})
		}
		t.Hints[known].Operations = append(t.Hints[known].Operations, p.operation.Name)
	}
}
