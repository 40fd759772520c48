// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Target chooses processes: by pid, by the base name of their executable, by its
// path as the process itself sees it, or by their container.
type Target struct {
	Container string // beginning of the container's id
	PID       int    // not zero: this process only
	Name      string // base name of the executable
	Path      string // absolute path of the executable
}

// ParseTarget reads a target as people write it: NAME, PID or PATH.
func ParseTarget(s string) (Target, error) {
	switch {
	case s == "":
		return Target{}, errors.New("empty target: want a name, a pid or a path")
	case strings.HasPrefix(s, "/"):
		return Target{Path: filepath.Clean(s)}, nil
	case strings.Contains(s, "/"):
		abs, err := filepath.Abs(s)
		if err != nil {
			return Target{}, fmt.Errorf("resolve target %q: %w", s, err)
		}
		return Target{Path: abs}, nil
	}
	pid, err := strconv.Atoi(s)
	if err != nil {
		return Target{Name: s}, nil
	}
	if pid <= 0 {
		return Target{}, fmt.Errorf("target %q is no pid", s)
	}
	return Target{PID: pid}, nil
}

// minContainer is how much of a container's id must be given.
const minContainer = 6

// ParseContainer reads the beginning of a container's id as a target: all processes
// in it.
func ParseContainer(s string) (Target, error) {
	if len(s) < minContainer || len(s) > 64 || !isHex(s, len(s)) {
		return Target{}, fmt.Errorf("container %q: want %d to 64 hexadecimal digits of its id", s, minContainer)
	}
	return Target{Container: s}, nil
}

// String returns the target as ParseTarget reads it.
func (t Target) String() string {
	switch {
	case t.Container != "":
		return "in container " + t.Container
	case t.PID != 0:
		return strconv.Itoa(t.PID)
	case t.Path != "":
		return t.Path
	}
	return t.Name
}

func (t Target) matches(p *process) bool {
	switch {
	case t.Container != "":
		return strings.HasPrefix(containerOfProcess(p.pid).id, t.Container)
	case t.PID != 0:
		return p.pid == t.PID
	case t.Path != "":
		return p.exePath == t.Path
	}
	return filepath.Base(p.exePath) == t.Name
}
