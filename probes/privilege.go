// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities returns the effective set of proc_pid_status(5).
func capabilities(status []byte) uint64 {
	for line := range bytes.Lines(status) {
		if set, ok := bytes.CutPrefix(line, []byte("CapEff:")); ok {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(set)), 16, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// checkPrivileges names the capabilities that are missing from a set (capabilities(7)).
// CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON; single uprobes need it
// itself. Those of a user namespace of its own do not count for any of them.
func checkPrivileges(set uint64, firstNamespace, single bool) Check {
	c := Check{Name: "privileges", State: StateOK}
	has := func(n int) bool { return firstNamespace && set>>n&1 == 1 }
	admin := has(unix.CAP_SYS_ADMIN)
	var missing []string
	for _, need := range []struct {
		name string
		ok   bool
	}{
		{"CAP_BPF", admin || has(unix.CAP_BPF)},
		{"CAP_PERFMON", admin || has(unix.CAP_PERFMON)},
		{"CAP_SYS_PTRACE", has(unix.CAP_SYS_PTRACE)},
		{"CAP_SYS_ADMIN", admin || !single},
	} {
		if !need.ok {
			missing = append(missing, need.name)
		}
	}
	switch {
	case len(missing) == 0:
		c.Detail = "all that are needed"
	case !firstNamespace:
		c.State, c.Detail = StateMissing, "in a user namespace of its own nothing can be attached"
		c.Mend = "run it outside of the user namespace, or in a container without one"
	default:
		c.State, c.Detail = StateMissing, "without "+strings.Join(missing, ", ")
		c.Mend = "run it as root, or add: setpriv, AmbientCapabilities= of systemd, --cap-add of docker"
	}
	return c
}

// inFirstUserNamespace reports whether ids are those of the host: the first user
// namespace maps all of them to themselves (user_namespaces(7)).
func inFirstUserNamespace() bool {
	table, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || strings.Join(strings.Fields(string(table)), " ") == "0 0 4294967295"
}
