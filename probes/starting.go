// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bufio"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// startTime is how long a server may take from its execution until it listens.
const startTime = 10 * time.Second

// isStarting reports whether a process may yet load a library in which its
// profile has probes. MariaDB and MySQL load plugins before they listen
// (sql/mysqld.cc: init_server_components, then network_init). A tier chosen
// before that may be changed an instant later, at the cost of the statements
// under way. A process asked for by its pid is not waited for.
func (s *scout) isStarting(p *process, profile *catalog.Profile) bool {
	for _, t := range s.cfg.Targets {
		if t.PID == p.pid {
			return false
		}
	}
	return hasLibraries(profile) && age(p) < startTime && !listens(p.pid)
}

// hasLibraries reports whether a profile has a tier in a library.
func hasLibraries(profile *catalog.Profile) bool {
	for _, op := range profile.Operations {
		for _, tier := range op.Tiers {
			for _, probe := range tier.Probes() {
				for _, a := range probe.Addresses {
					if a.IsLibrary() {
						return true
					}
				}
			}
		}
	}
	return false
}

// age is how long ago a process was started. Linux counts in hundredths of a
// second for user space on all architectures that are supported (USER_HZ).
func age(p *process) time.Duration {
	const tick = time.Second / 100
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return startTime
	}
	return time.Duration(now.Nano()) - time.Duration(p.startTick)*tick
}

// listens reports whether a process accepts connections, by TCP or on a Unix
// socket.
func listens(pid int) bool {
	return listeningPort(pid) != 0 || acceptsUnix(procPath(pid, "net", "unix"), socketInodes(pid))
}

// acceptsUnix reads a table like /proc/net/unix (unix(7)): flags in field 3,
// of which bit 16 is __SO_ACCEPTCON (include/uapi/linux/net.h), inode in field
// 6.
func acceptsUnix(path string, inodes map[string]bool) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 7 && fields[3] == "00010000" && inodes[fields[6]] {
			return true
		}
	}
	return false
}
