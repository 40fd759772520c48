// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// Scan looks at all processes, attaches what is new and detaches what is no
// longer wanted. It must not run at the same time as Watch.
func (s *Session) Scan() error { return s.scan(nil) }

// scan looks at all targets, and at those other processes; nil stands for all
// there are.
func (s *Session) scan(pids []int) error {
	if pids == nil {
		all, err := allProcesses()
		if err != nil {
			return fmt.Errorf("list processes: %w", err)
		}
		pids = all
	}
	s.forgetEnded()
	for pid := range s.starting {
		s.discover(pid)
	}
	for _, pid := range pids {
		s.discover(pid)
	}
	if len(s.hosts) > 0 && len(s.cfg.Targets) > 0 {
		s.lookForNamed(pids)
	}
	return s.reconcile()
}

func (s *Session) forgetEnded() {
	for pid, o := range s.seen {
		now := readProcess(pid)
		if now == nil || now.startTick != o.startTick || now.exePath != o.exePath {
			delete(s.seen, pid)
			s.cfg.Logf("process %d (%s) has ended", pid, filepath.Base(o.exePath))
		}
	}
}

// reconcile attaches what targets want and detaches what they want no longer.
func (s *Session) reconcile() error {
	var errs []error
	for _, sv := range s.served {
		clear(sv.pids)
	}
	for _, h := range s.hosts {
		errs = append(errs, s.wantHost(h))
	}
	for _, o := range s.seen {
		errs = append(errs, s.want(o))
	}
	for _, sv := range s.served {
		if len(sv.pids) == 0 {
			errs = append(errs, s.retire(sv))
		}
	}
	err := errors.Join(append(errs, s.settle())...)
	if refused := refusals(err); len(refused) > 0 {
		for _, r := range refused {
			s.replan(r)
		}
		return s.reconcile()
	}
	s.dropOverlays()
	s.publishReport()
	return err
}

// want finds what serves a process and marks it as wanted.
func (s *Session) want(o *observed) error {
	if err := s.examine(o); err != nil {
		if readProcess(o.pid) == nil {
			return nil
		}
		return fmt.Errorf("look at process %d: %w", o.pid, explain(err))
	}
	o.served = o.served[:0]
	for _, p := range o.plans {
		if p.tier == nil {
			continue
		}
		sv, err := s.serve(o.profile, p)
		if err != nil {
			return err
		}
		sv.pids[o.pid] = true
		o.served = append(o.served, sv)
	}
	s.learn(o)
	return nil
}

// serve returns what serves an operation by a plan.
func (s *Session) serve(profile *catalog.Profile, p *plan) (*served, error) {
	key := servedKey(profile, p)
	if sv := s.find(key, profile, p); sv != nil {
		return sv, nil
	}
	sv, err := s.newServed(profile, p)
	if err != nil {
		return nil, err
	}
	s.served[key] = sv
	return sv, nil
}

// retire detaches what no living process wants any more, if another tier has
// taken its place, or if it was in a container, which never comes back. Otherwise
// it stays attached, so that a restarted server is seen from its first statement.
func (s *Session) retire(sv *served) error {
	switch {
	case len(sv.links) == 0:
		return nil
	case sv.inKernel():
		return sv.detach()
	case sv.layered():
		return sv.detach()
	case !s.replaced(sv):
		return nil
	}
	s.cfg.Logf("%s of %s is no longer seen by %s", sv.operation.Name, sv.profile.Name, sv.tier.Name)
	return sv.detach()
}

// settle attaches the operations that are wanted. Probes belong to files: those in
// a file that also runs in a process that does not want them are limited to the
// processes that do.
func (s *Session) settle() error {
	var errs []error
	var fresh []*served
	for _, sv := range s.served {
		if len(sv.pids) == 0 {
			continue
		}
		if err := s.limit(sv, s.mustLimit(sv)); err != nil {
			errs = append(errs, fmt.Errorf("limit %s to its processes: %w", sv.operation.Name, err))
		} else if len(sv.links) == 0 {
			fresh = append(fresh, sv)
		}
	}
	return errors.Join(append(errs, s.attach(fresh))...)
}

// limit makes the kernel side look at the process before it counts a hit, or
// not, and keeps its list of processes current.
func (s *Session) limit(sv *served, limited bool) error {
	var wanted map[int]bool
	if limited {
		wanted = sv.pids
	}
	for pid := range sv.allowed {
		if !wanted[pid] {
			delete(sv.allowed, pid)
			if err := s.objects.Targets.Delete(targetKey(sv.op, pid)); err != nil {
				return err
			}
		}
	}
	for pid := range wanted {
		if !sv.allowed[pid] {
			sv.allowed[pid] = true
			if err := s.objects.Targets.Put(targetKey(sv.op, pid), uint8(1)); err != nil {
				return err
			}
		}
	}
	if limited == sv.limited {
		return nil
	}
	sv.limited = limited
	if sv.inKernel() && sv.tier.Settles() {
		s.unsettled.Store(sv.op, limited)
	}
	return s.writeSites(sv)
}

// replaced reports whether a living target has the operation by another tier.
func (s *Session) replaced(sv *served) bool {
	for _, o := range s.seen {
		for _, other := range o.served {
			if other.operation == sv.operation && other.tier != sv.tier {
				return true
			}
		}
	}
	return false
}

// mustLimit reports whether the operation's probes would also fire in
// processes that do not want them.
func (s *Session) mustLimit(sv *served) bool {
	if sv.inKernel() {
		return !sv.pids[everywhere]
	}
	for _, t := range s.cfg.Targets {
		if t.PID != 0 {
			return true
		}
	}
	if s.mayShareLayer(sv) {
		return true
	}
	for pid, o := range s.seen {
		if sv.pids[pid] {
			continue
		}
		for i := range sv.sites {
			if o.files[sv.sites[i].file.key] {
				return true
			}
		}
	}
	return false
}

// targetKey is the kernel side's key of an operation in a process.
func targetKey(op uint16, pid int) uint64 { return uint64(op)<<32 | uint64(uint32(pid)) }
