// SPDX-License-Identifier: Apache-2.0

package probes

// isSession reports whether a process is one that a server forked for a session
// or a task: its parent runs the same executable. The kernel side counts its
// hits for the server (bpf/server.bpf.h), so it is no target of its own, unless
// it is asked for by its pid.
func (s *scout) isSession(p *process) bool {
	for _, t := range s.cfg.Targets {
		if t.PID == p.pid {
			return false
		}
	}
	parent := readProcess(p.parent)
	return parent != nil && parent.exePath == p.exePath
}
