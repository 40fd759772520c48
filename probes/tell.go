// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// tell says how a target is observed, and again when that changes.
func (s *Session) tell(t *TargetReport) {
	o, lines := s.seen[t.PID], t.lines()
	if told := strings.Join(lines, "\n"); told != o.told {
		o.told = told
		for _, line := range lines {
			s.cfg.Logf("%s", line)
		}
	}
}

// tellHost says how the host is observed, and again when that changes.
func (s *Session) tellHost(h *hosted, r *HostReport) {
	lines := r.lines()
	if told := strings.Join(lines, "\n"); told != h.told {
		h.told = told
		for _, line := range lines {
			s.cfg.Logf("%s", line)
		}
	}
}

// lines tells of the host in short: at which probes each operation is seen, and
// why not at others.
func (r *HostReport) lines() (lines []string) {
	for _, op := range r.Operations {
		var at []string
		for _, site := range op.Sites {
			at = append(at, site.Probe)
		}
		if n := len(at); n > maxTold {
			at = append(at[:maxTold], fmt.Sprintf("%d more", n-maxTold))
		}
		lines = append(lines, fmt.Sprintf("%s: %s at %s", r.Profile, op.Name, strings.Join(at, ", ")))
		for _, reason := range op.Passed {
			lines = append(lines, fmt.Sprintf("%s: %s: not at %s", r.Profile, op.Name, reason))
		}
		for _, m := range op.Missing {
			lines = append(lines, fmt.Sprintf("%s: no %s in %s: %s", r.Profile, m.Capture, op.Name, m.Reason))
		}
	}
	for _, op := range r.Unseen {
		for _, m := range op.Misses {
			lines = append(lines, fmt.Sprintf("%s: %s cannot be seen: %s: %s", r.Profile, op.Name, m.Tier, m.Reason))
		}
	}
	return lines
}

// maxTold is how many probes of an operation are named.
const maxTold = 4

// lines tells of a target in short: which tier serves each operation, then a
// line for each reason why something is missing.
func (t *TargetReport) lines() []string {
	var ways, unseen []string
	for _, op := range t.Operations {
		ways = append(ways, op.Name+" by "+op.Tier)
	}
	for _, op := range t.Unseen {
		unseen = append(unseen, op.Name)
	}
	who := fmt.Sprintf("process %d", t.PID)
	if len(ways) == 0 {
		return []string{fmt.Sprintf("%s (%s): nothing to observe: %s", who, t.title(), strings.Join(t.Reasons(), "; "))}
	}
	lines := []string{fmt.Sprintf("%s (%s): %s", who, t.title(), strings.Join(ways, ", "))}
	for _, g := range t.MissingByReason() {
		lines = append(lines, fmt.Sprintf("%s: no %s in %s: %s",
			who, strings.Join(g.Captures, ", "), strings.Join(g.Operations, ", "), g.Reason))
	}
	for _, op := range t.Operations {
		if op.AtEntry != "" {
			lines = append(lines, fmt.Sprintf("%s: %s is hit more often than it happens: %s", who, op.Name, op.AtEntry))
		}
	}
	if len(unseen) > 0 {
		lines = append(lines, fmt.Sprintf("%s: not seen: %s; why: spanbridge doctor --target %d",
			who, strings.Join(unseen, ", "), t.PID))
	}
	return lines
}

// title names a server with what is proven of it, such as "mysqld 9.7.4, tested".
func (t *TargetReport) title() string {
	name := filepath.Base(t.Executable)
	if number := catalog.VersionNumber(t.Version); number != "" {
		name += " " + number
	}
	if t.Standing != StandingNone {
		name += ", " + string(t.Standing)
	}
	return name
}

// Reasons says of each operation that is not seen why no tier serves it.
func (t *TargetReport) Reasons() []string { return reasons(t.Unseen) }

// Reasons says of each operation that is not seen why no tier serves it.
func (r *HostReport) Reasons() []string { return reasons(r.Unseen) }

func reasons(unseen []UnseenReport) (all []string) {
	for _, op := range unseen {
		var misses []string
		for _, m := range op.Misses {
			misses = append(misses, m.Tier+": "+m.Reason)
		}
		all = append(all, op.Name+": "+strings.Join(misses, "; "))
	}
	return all
}

// MissingGroup is what a program does not let its tiers tell for one reason.
type MissingGroup struct {
	Captures   []string
	Operations []string
	Reason     string
}

// MissingByReason groups what is missing, in the order of the operations.
func (t *TargetReport) MissingByReason() (groups []MissingGroup) {
	add := func(list *[]string, name string) {
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	for _, op := range t.Operations {
		for _, m := range op.Missing {
			i := slices.IndexFunc(groups, func(g MissingGroup) bool { return g.Reason == m.Reason })
			if i < 0 {
				i = len(groups)
				groups = append(groups, MissingGroup{Reason: m.Reason})
			}
			add(&groups[i].Captures, m.Capture)
			add(&groups[i].Operations, op.Name)
		}
	}
	return groups
}
