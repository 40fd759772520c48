// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrElsewhere is wrapped where no process of this host is the server.
var ErrElsewhere = errors.New("the server is no process of this host that can be looked at")

// Find finds the server's process on this host. The connection is one to it, by TCP or a socket, and
// may be nil: it tells apart what is alike in several containers.
func (s *Server) Find(connection net.Conn) error {
	return s.find("/proc", connection)
}

func (s *Server) find(proc string, connection net.Conn) error {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return err
	}
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if c := (candidate{dir: filepath.Join(proc, e.Name())}); c.isServer() && s.proven(c) {
			found = append(found, pid)
		}
	}
	if len(found) > 1 && connection != nil {
		found = connected(proc, found, connection)
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("%w: run this on the server's host, as root", ErrElsewhere)
	case 1:
		s.PID = found[0]
		return nil
	}
	return fmt.Errorf("processes %v may each be the server: say which one with --target PID", found)
}

// proven reports whether a process has what the server says of itself.
func (s *Server) proven(c candidate) bool {
	if c.hostname() != s.Variable("hostname") {
		return false
	}
	datadir, pidFile := s.Variable("datadir"), s.Variable("pid_file")
	if !filepath.IsAbs(pidFile) {
		pidFile = filepath.Join(datadir, pidFile)
	}
	written, err := os.ReadFile(c.path(pidFile))
	if err == nil {
		return strings.TrimSpace(string(written)) == c.innerPID()
	}
	cwd, err := os.Readlink(filepath.Join(c.dir, "cwd")) // a server works in its data directory
	return err == nil && filepath.Clean(cwd) == filepath.Clean(datadir)
}

// candidate is a process that may be the server, by its directory in /proc.
type candidate struct{ dir string }

func (c candidate) isServer() bool {
	exe, err := os.Readlink(filepath.Join(c.dir, "exe"))
	if err != nil {
		return false
	}
	name := filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	return strings.HasPrefix(name, "mysqld") || strings.HasPrefix(name, "mariadbd")
}

// path is a path of the process as this one opens it.
func (c candidate) path(name string) string { return filepath.Join(c.dir, "root", name) }

// innerPID is its number in its own pid namespace (NSpid in proc_pid_status(5), since Linux 4.1).
func (c candidate) innerPID() string {
	status, err := os.ReadFile(filepath.Join(c.dir, "status"))
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "NSpid:" {
			return fields[len(fields)-1]
		}
	}
	return ""
}

// hostname is that of its namespace: its own file says it, or it is ours.
func (c candidate) hostname() string {
	theirs, err := os.Readlink(filepath.Join(c.dir, "ns/uts"))
	ours, errOurs := os.Readlink("/proc/self/ns/uts")
	if err == nil && errOurs == nil && theirs != ours {
		name, _ := os.ReadFile(c.path("/etc/hostname"))
		return strings.TrimSpace(string(name))
	}
	name, _ := os.Hostname()
	return name
}

// connected are those processes in whose network namespace there is the other end of a TCP connection; all if
// none has it, as behind a proxy.
func connected(proc string, pids []int, connection net.Conn) []int {
	local, ok := connection.LocalAddr().(*net.TCPAddr)
	remote, okRemote := connection.RemoteAddr().(*net.TCPAddr)
	if !ok || !okRemote {
		return pids
	}
	var found []int
	for _, pid := range pids {
		for _, file := range []string{"tcp", "tcp6"} {
			table, _ := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "net", file))
			if hasConnection(string(table), remote.Port, local.Port) {
				found = append(found, pid)
				break
			}
		}
	}
	if len(found) == 0 {
		return pids
	}
	return found
}

// hasConnection looks in a table as /proc/net/tcp for an established connection between two ports.
func hasConnection(table string, local, remote int) bool {
	for line := range strings.SplitSeq(table, "\n") {
		fields := strings.Fields(line)
		if len(fields) > 3 && fields[3] == "01" && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", local)) &&
			strings.HasSuffix(fields[2], fmt.Sprintf(":%04X", remote)) {
			return true
		}
	}
	return false
}
