// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// WhyNot says why a process that was asked for by its pid is no target. It
// wraps [ErrPrivilege] if it may not be looked at. It must not run at the same
// time as Watch or Scan.
func (s *Session) WhyNot(pid int) error { return s.whyNot(pid) }

func (s *scout) whyNot(pid int) error {
	exe, err := os.Readlink(procPath(pid, "exe"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent(pid)
	case err != nil:
		return fmt.Errorf("look at process %d: %w", pid, explain(err))
	}
	p := readProcess(pid)
	if p == nil {
		return fmt.Errorf("process %d (%s) has ended", pid, exe)
	}
	for _, profile := range s.cfg.Profiles {
		if !profile.Serves(filepath.Base(p.exePath)) {
			continue
		}
		if why := s.unfit(p, &profile.Match); why != "" {
			return fmt.Errorf("process %d (%s) is not what profile %s is about: it %s", pid, exe, profile.Name, why)
		}
	}
	return fmt.Errorf("no profile in use serves process %d (%s): name its --profile", pid, exe)
}

// absent says what is behind a pid without an executable.
func absent(pid int) error {
	switch _, err := os.Stat(procPath(pid)); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no process %d is running", pid)
	case err != nil:
		return fmt.Errorf("look at process %d: %w", pid, explain(err))
	}
	return fmt.Errorf("process %d has no executable: it has just ended, or is one of the kernel's own", pid)
}

// unfit says what an executable lacks, or has too much, of what a profile goes
// by. One that cannot be read is taken as meant, so that the reason is told later.
func (s *scout) unfit(p *process, m *catalog.Match) string {
	if m.Exports == "" && m.Lacks == "" {
		return ""
	}
	exe, err := s.files.executable(p)
	switch {
	case err != nil:
		return ""
	case m.Exports != "" && !exe.has(m.Exports):
		return "does not export " + m.Exports
	case m.Lacks != "" && exe.has(m.Lacks):
		return "exports " + m.Lacks
	}
	return ""
}
