// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf/features"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// scout finds targets and plans how to see their operations. It loads and
// attaches nothing. It is not safe for concurrent use.
type scout struct {
	cfg      Config
	kernel   kernel
	files    files
	seen     map[int]*observed
	starting map[int]bool // targets to be, by pid
	hosts    []*hosted
	named    map[int]*process // to which what hosts have is limited, if targets are named
}

func newScout(cfg Config) (scout, error) {
	cfg.setDefaults()
	s := scout{
		cfg: cfg, files: files{cacheDir: cfg.SymbolCache},
		seen: make(map[int]*observed), starting: make(map[int]bool),
		hosts: hostProfiles(cfg.Profiles), named: make(map[int]*process),
	}
	var err error
	if s.kernel.version, err = features.LinuxVersionCode(); err != nil {
		return s, fmt.Errorf("read kernel version: %w", err)
	}
	return s, nil
}

// observed is a process that is a target.
type observed struct {
	*process
	profile *catalog.Profile
	box     container
	version string           // of the server, "" while it is not known
	files   map[fileKey]bool // those that its profile speaks of
	plans   []*plan          // of the operations that are asked for
	planned []fileKey        // the files that the plans were made for
	served  []*served        // by a session
	told    string           // last thing said of it
}

// discover adds a process to the targets if it is one, or to those that are
// starting.
func (s *scout) discover(pid int) {
	if s.seen[pid] != nil || pid == os.Getpid() || s.excludes(pid) {
		return
	}
	delete(s.starting, pid)
	switch o := s.observe(pid); {
	case o == nil:
	case s.isStarting(o.process, o.profile):
		s.starting[pid] = true
	default:
		s.seen[pid] = o
	}
}

// observe returns a process as a target, nil if it is none.
func (s *scout) observe(pid int) *observed {
	p := readProcess(pid)
	if p == nil {
		return nil
	}
	profile := s.profileOf(p, s.unfit)
	if profile == nil || profile.Forks && s.isSession(p) {
		return nil
	}
	return &observed{process: p, profile: profile, box: containerOfProcess(pid)}
}

// excludes reports whether only other processes are asked for, each by its pid: a
// machine may have thousands that need not be looked at.
func (s *scout) excludes(pid int) bool {
	return len(s.cfg.Targets) > 0 &&
		!slices.ContainsFunc(s.cfg.Targets, func(t Target) bool { return t.PID == 0 || t.PID == pid })
}

// isNamed reports whether a process is one of the targets that were named.
func (s *scout) isNamed(p *process) bool {
	return slices.ContainsFunc(s.cfg.Targets, func(t Target) bool { return t.matches(p) })
}

// profileOf returns the profile for a process, or nil if it is no target. A
// single profile serves whatever target is named.
func (s *scout) profileOf(p *process, unfit func(*process, *catalog.Match) string) *catalog.Profile {
	named := s.isNamed(p)
	if len(s.cfg.Targets) > 0 && !named {
		return nil
	}
	for _, profile := range s.cfg.Profiles {
		if profile.Serves(filepath.Base(p.exePath)) && unfit(p, &profile.Match) == "" {
			return profile
		}
	}
	if named && len(s.cfg.Profiles) == 1 && !s.cfg.Profiles[0].OfHost() {
		return s.cfg.Profiles[0]
	}
	return nil
}

// examine plans how the operations of a target are seen now.
func (s *scout) examine(o *observed) error {
	v, err := s.look(o)
	if err != nil {
		return err
	}
	if o.version == "" {
		// A server that is starting has not put it together yet. Where it cannot be
		// read it stays unknown.
		o.version, _ = readVersion(o.process, v.exe, o.profile)
	}
	if o.stillPlanned(v) {
		return nil
	}
	o.planned, o.plans = v.keys(), nil
	for _, op := range o.profile.Operations {
		if s.cfg.Detail.Includes(op.Detail) {
			o.plans = append(o.plans, s.planOperation(v, o.profile, op))
		}
	}
	return nil
}

// stillPlanned reports whether a process consists of the files that its plans
// were made for. Switches that a server had not set then may be set by now.
func (o *observed) stillPlanned(v *view) bool {
	if o.plans == nil || !slices.Equal(o.planned, v.keys()) {
		return false
	}
	return !slices.ContainsFunc(o.plans, func(p *plan) bool {
		return slices.ContainsFunc(p.misses, func(m Miss) bool { return m.unmet })
	})
}

// look opens the files of a process that its profile speaks of.
func (s *scout) look(o *observed) (*view, error) {
	exe, err := s.files.executable(o.process)
	if err != nil {
		return nil, err
	}
	exe.expect(o.profile)
	v := &view{process: o.process, exe: exe}
	o.files = map[fileKey]bool{exe.key: true}
	mappings, err := libraries(o.pid)
	if err != nil {
		return nil, err
	}
	for _, m := range mappings {
		if m.path == o.exePath || !mentions(o.profile, m.path) {
			continue
		}
		b, err := s.files.library(o.process, m)
		if err != nil {
			return nil, err
		}
		b.expect(o.profile)
		v.libraries = append(v.libraries, b)
		o.files[b.key] = true
	}
	return v, nil
}

// mentions reports whether a profile has a probe in a library of that path.
func mentions(profile *catalog.Profile, path string) bool {
	base := filepath.Base(path)
	for _, op := range profile.Operations {
		for _, tier := range op.Tiers {
			for _, probe := range tier.Probes() {
				for _, a := range probe.Addresses {
					if a.Path == path || a.IsLibrary() && a.MatchesLibrary(base) {
						return true
					}
				}
			}
		}
	}
	return false
}
