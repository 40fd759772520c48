// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"io"
	"os"
	"strconv"

	"github.com/spanbridge/spanbridge/bridge"
)

// maxStatus bounds what is read of /proc/PID/status, whose list of groups a
// process can make long.
const maxStatus = 1 << 20

// attrs returns the container by OpenTelemetry's conventions for resources.
func (c container) attrs() []bridge.Attr {
	var all []bridge.Attr
	for _, a := range []struct{ key, value string }{
		{"container.id", c.id}, {"container.runtime.name", c.runtime}, {"k8s.pod.uid", c.podUID},
	} {
		if a.value != "" {
			all = append(all, bridge.String(a.key, a.value))
		}
	}
	return all
}

// containerOfProcess looks at the control groups of a process. Nothing is asked
// of a container runtime.
func containerOfProcess(pid int) container {
	data, err := readUpTo(procPath(pid, "cgroup"), maxCgroupLines*maxCgroupLine)
	if err != nil {
		return container{}
	}
	return parseCgroup(data)
}

// namespacePID returns the pid that a process has in its own pid namespace, 0 if
// that is the one of /proc.
func namespacePID(pid int) int {
	status, err := readUpTo(procPath(pid, "status"), maxStatus)
	if err != nil {
		return 0
	}
	return parseNamespacePID(status)
}

// parseNamespacePID reads the line NSpid of proc_pid_status(5), since Linux 4.1:
// the pid in the namespace of /proc and in each one nested in it, the process's
// own last. Before it stands the name of the command only, with newlines escaped.
func parseNamespacePID(status []byte) int {
	for line := range bytes.Lines(status) {
		list, ok := bytes.CutPrefix(line, []byte("NSpid:"))
		if !ok {
			continue
		}
		pids := bytes.Fields(list)
		if len(pids) < 2 {
			return 0
		}
		pid, err := strconv.ParseUint(string(pids[len(pids)-1]), 10, 31)
		if err != nil {
			return 0
		}
		return int(pid)
	}
	return 0
}

// ownNetwork reports whether the ports of a process are not those of the host:
// it is in another network namespace than the first process or, where that one
// may not be looked at, than this one. What cannot be known counts as the host's.
func ownNetwork(pid int) bool {
	host, err := os.Readlink(procPath(1, "ns", "net"))
	if err != nil {
		host, err = os.Readlink("/proc/self/ns/net")
	}
	if err != nil {
		return false
	}
	own, err := os.Readlink(procPath(pid, "ns", "net"))
	return err == nil && own != host
}

// readUpTo reads at most so many bytes of a file.
func readUpTo(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
