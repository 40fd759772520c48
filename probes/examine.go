// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"maps"
	"os"
	"slices"
)

// Examination is what could be seen of the targets that run.
type Examination struct {
	Report
	// Unknown are processes that were named as targets and that no profile
	// serves.
	Unknown []UnknownProcess `json:"unknown"`
}

// UnknownProcess is one that no profile in use serves, or that cannot be looked
// at.
type UnknownProcess struct {
	PID        int    `json:"pid"`
	Executable string `json:"executable"` // "" if it cannot be read
	Reason     string `json:"reason"`
}

// Examine says how the operations of all running targets would be seen. It loads
// no program and attaches nothing; of the configuration it uses Profiles, Targets,
// Detail and SymbolCache. A server that is still starting is taken as it is now.
func Examine(cfg Config) (*Examination, error) {
	s, err := newScout(cfg)
	if err != nil {
		return nil, err
	}
	defer s.files.close()
	defer s.kernel.close()
	for _, h := range s.hosts {
		s.planHost(h)
	}
	pids, err := allProcesses()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	e := &Examination{Unknown: []UnknownProcess{}}
	for _, pid := range pids {
		s.discover(pid)
		if s.starting[pid] {
			if o := s.observe(pid); o != nil {
				s.seen[pid] = o
			}
		}
		if p := readProcess(pid); p != nil && s.seen[pid] == nil && s.isNamed(p) {
			e.Unknown = append(e.Unknown, UnknownProcess{pid, p.exePath, "no profile in use serves it"})
		}
	}
	for _, pid := range slices.Sorted(maps.Keys(s.seen)) {
		o := s.seen[pid]
		if err := s.examine(o); err != nil {
			delete(s.seen, pid)
			if readProcess(pid) != nil {
				e.Unknown = append(e.Unknown, UnknownProcess{pid, o.exePath, explain(err).Error()})
			}
		}
	}
	for _, t := range cfg.Targets {
		if _, err := os.Readlink(procPath(t.PID, "exe")); t.PID != 0 && os.IsPermission(err) {
			e.Unknown = append(e.Unknown, UnknownProcess{PID: t.PID, Reason: explain(err).Error()})
		}
	}
	e.Report = s.report()
	return e, nil
}
