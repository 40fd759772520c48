// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"os"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// everywhere stands among processes for all of the host.
const everywhere = 0

// hosted is a profile that is about the host.
type hosted struct {
	profile *catalog.Profile
	plans   []*plan
	told    string
}

// hostProfiles returns the profiles that are about the host.
func hostProfiles(all []*catalog.Profile) (hosts []*hosted) {
	for _, p := range all {
		if p.OfHost() {
			hosts = append(hosts, &hosted{profile: p})
		}
	}
	return hosts
}

// planHost says how the operations of the host are seen.
func (s *scout) planHost(h *hosted) {
	if h.plans != nil {
		return
	}
	v := &view{}
	for _, op := range h.profile.Operations {
		if s.cfg.Detail.Includes(op.Detail) {
			h.plans = append(h.plans, s.planOperation(v, h.profile, op))
		}
	}
}

// look keeps the list of the processes to which the host's operations are
// limited current.
func (s *scout) lookForNamed(pids []int) {
	for pid, p := range s.named {
		if now := readProcess(pid); now == nil || now.startTick != p.startTick {
			delete(s.named, pid)
		}
	}
	for _, pid := range pids {
		if s.named[pid] != nil || pid == os.Getpid() {
			continue
		}
		if p := readProcess(pid); p != nil && s.isNamed(p) {
			s.named[pid] = p
		}
	}
}

// wantHost marks what serves the host as wanted, there or in the processes that
// were named.
func (s *Session) wantHost(h *hosted) error {
	s.planHost(h)
	for _, p := range h.plans {
		if p.tier == nil {
			continue
		}
		sv, err := s.serve(h.profile, p)
		if err != nil {
			return err
		}
		if len(s.cfg.Targets) == 0 {
			sv.pids[everywhere] = true
		}
		for pid := range s.named {
			sv.pids[pid] = true
		}
	}
	return nil
}

// replan forgets plans with an address that the kernel has refused.
func (s *Session) replan(refused *refusedError) {
	s.kernel.refuse(refused.address, refused.err.Error())
	stale := func(plans []*plan) bool {
		for _, p := range plans {
			for i := range p.sites {
				if p.sites[i].kernel != nil && p.sites[i].address == refused.address {
					return true
				}
			}
		}
		return false
	}
	for _, h := range s.hosts {
		if stale(h.plans) {
			h.plans = nil
		}
	}
	for _, o := range s.seen {
		if stale(o.plans) {
			o.plans = nil
		}
	}
}

// hostInstance describes the host as what its spans come from.
func hostInstance(profile *catalog.Profile) *bridge.Instance {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return &bridge.Instance{Resource: &bridge.Resource{Attrs: []bridge.Attr{
		bridge.String("service.name", profile.Service),
		bridge.String("service.instance.id", host),
		bridge.String("host.name", host),
		bridge.String("os.type", "linux"),
	}}}
}

// refusals returns the refused addresses that an error tells of.
func refusals(err error) (all []*refusedError) {
	var one *refusedError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, refusals(e)...)
		}
		return all
	}
	if errors.As(err, &one) {
		all = append(all, one)
	}
	return all
}
