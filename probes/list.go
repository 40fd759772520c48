// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"os"

	"github.com/spanbridge/spanbridge/probes/usdt"
)

// FileReport is the USDT probes of one file.
type FileReport struct {
	Path   string        `json:"path"`
	Probes []ProbeReport `json:"probes"`
}

// ProbeReport is one probe.
type ProbeReport struct {
	Provider string       `json:"provider"`
	Name     string       `json:"name"`
	Sites    []SiteReport `json:"sites"`
}

// SiteReport is one place at which a probe fires. Offsets are in the file.
type SiteReport struct {
	Offset      uint64   `json:"offset"`
	Semaphore   uint64   `json:"semaphore,omitempty"`
	Instruction string   `json:"instruction"`
	Args        []string `json:"args"`
}

// List returns the files of a target that have USDT probes: those of running
// processes, with their libraries, or, where a path is not running, of the file.
func List(t Target) ([]FileReport, error) {
	var known files
	defer known.close()
	if _, err := known.addTarget(t); err != nil {
		return nil, err
	}
	return known.report(), nil
}

// addTarget opens the files of a target and returns its processes: none where a
// path is not running, whose file is opened instead.
func (c *files) addTarget(t Target) ([]*process, error) {
	pids, err := allProcesses()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	if t.PID != 0 {
		pids = []int{t.PID}
	}
	var found []*process
	for _, pid := range pids {
		p := readProcess(pid)
		if p == nil || !t.matches(p) {
			continue
		}
		found = append(found, p)
		if err := c.addProcess(p); err != nil {
			return nil, fmt.Errorf("look at process %d: %w", pid, explain(err))
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	if _, err := os.Readlink(procPath(t.PID, "exe")); t.PID != 0 && os.IsPermission(err) {
		return nil, fmt.Errorf("look at process %d: %w", t.PID, explain(err))
	}
	if t.Path == "" && os.Geteuid() != 0 {
		return nil, fmt.Errorf("no process %s is running that may be looked at: run as root", t)
	}
	if t.Path == "" {
		return nil, fmt.Errorf("no process %s is running", t)
	}
	f, err := openRegular(t.Path)
	if err != nil {
		return nil, err
	}
	_, err = c.add(f, t.Path, openRegular)
	return nil, err
}

// addProcess opens everything that a process has mapped executable. Libraries
// that cannot be read have no probes to show.
func (c *files) addProcess(p *process) error {
	if _, err := c.executable(p); err != nil {
		return err
	}
	mappings, err := libraries(p.pid)
	if err != nil {
		return err
	}
	for _, m := range mappings {
		if _, err := c.library(p, m); err != nil && os.IsPermission(err) {
			return err
		}
	}
	return nil
}

func (c *files) report() []FileReport {
	var all []FileReport
	for _, b := range c.inOrder() {
		if len(b.probes.Probes) == 0 {
			continue
		}
		f := FileReport{Path: b.path}
		for _, p := range b.probes.Probes {
			f.Probes = append(f.Probes, probeReport(&p))
		}
		all = append(all, f)
	}
	return all
}

func probeReport(p *usdt.Probe) ProbeReport {
	r := ProbeReport{Provider: p.Provider, Name: p.Name}
	for _, s := range p.Sites {
		site := SiteReport{Offset: s.Offset, Semaphore: s.Semaphore, Instruction: s.Instruction.Kind.String(), Args: []string{}}
		for _, a := range s.Args {
			site.Args = append(site.Args, a.String())
		}
		r.Sites = append(r.Sites, site)
	}
	return r
}
