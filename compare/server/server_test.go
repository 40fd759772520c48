// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// process makes a process in a folder that is laid out as /proc.
func process(t *testing.T, proc string, pid int, exe, cwd string, inner int, pidFile, datadir string) {
	t.Helper()
	dir := filepath.Join(proc, fmt.Sprint(pid))
	root := filepath.Join(dir, "root")
	for _, d := range []string{filepath.Join(dir, "ns"), filepath.Join(dir, "net"), filepath.Join(root, datadir)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	uts, err := os.Readlink("/proc/self/ns/uts")
	err = errors.Join(err,
		os.Symlink(exe, filepath.Join(dir, "exe")), os.Symlink(cwd, filepath.Join(dir, "cwd")), os.Symlink(uts, filepath.Join(dir, "ns/uts")),
		os.WriteFile(filepath.Join(dir, "status"), fmt.Appendf(nil, "Name:\tmysqld\nNSpid:\t%d\t%d\n", pid, inner), 0o644))
	if pidFile != "" {
		err = errors.Join(err, os.WriteFile(filepath.Join(root, datadir, "server.pid"), []byte(pidFile+"\n"), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func asked(t *testing.T) *Server {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return &Server{variables: map[string]string{"hostname": host, "datadir": "/data/", "pid_file": "server.pid"}}
}

// TestAProcessIsTheServerOnlyIfItProvesToBe: by its pid file as its own pid namespace numbers it, or by where it works.
func TestAProcessIsTheServerOnlyIfItProvesToBe(t *testing.T) {
	proc := t.TempDir()
	process(t, proc, 10, "/usr/sbin/nginx", "/data", 10, "10", "/data")
	process(t, proc, 11, "/usr/sbin/mysqld", "/other", 11, "", "/other")
	process(t, proc, 12, "/usr/sbin/mysqld", "/data", 1, "7", "/data") // another one's pid file
	s := asked(t)
	if err := s.find(proc, nil); !errors.Is(err, ErrElsewhere) || s.PID != 0 {
		t.Errorf("process %d, %v", s.PID, err)
	}
	process(t, proc, 13, "/usr/sbin/mariadbd (deleted)", "/data", 1, "1", "/data")
	if err := s.find(proc, nil); err != nil || s.PID != 13 {
		t.Errorf("process %d, %v", s.PID, err)
	}
	s = asked(t)
	s.variables["hostname"] = "another"
	if err := s.find(proc, nil); !errors.Is(err, ErrElsewhere) {
		t.Errorf("a server of another host is taken for process %d, %v", s.PID, err)
	}
}

// TestAConnectionTellsContainersApart: the server is where its other end is.
func TestAConnectionTellsContainersApart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	proc := t.TempDir()
	process(t, proc, 20, "/usr/sbin/mysqld", "/data", 1, "1", "/data")
	process(t, proc, 21, "/usr/sbin/mysqld", "/data", 1, "1", "/data")
	s := asked(t)
	if err := s.find(proc, conn); err == nil {
		t.Errorf("process %d was chosen of two that are alike", s.PID)
	}
	line := fmt.Sprintf("  sl  local_address rem_address   st\n   0: 0100007F:%04X 0100007F:%04X 01 0\n",
		conn.RemoteAddr().(*net.TCPAddr).Port, conn.LocalAddr().(*net.TCPAddr).Port)
	if err := os.WriteFile(filepath.Join(proc, "21/net/tcp"), []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.find(proc, conn); err != nil || s.PID != 21 {
		t.Errorf("process %d, %v", s.PID, err)
	}
}

// TestLinksOfAContainerStayInIt: an absolute link is one within its root.
func TestLinksOfAContainerStayInIt(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(root, "srv/log"), 0o755), os.MkdirAll(filepath.Join(root, "var"), 0o755),
		os.Symlink("/srv/log", filepath.Join(root, "var/log")), os.Symlink("../var/log", filepath.Join(root, "srv/more")),
		os.Symlink("/loop", filepath.Join(root, "loop"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"/var/log/slow.log": "srv/log/slow.log", "/srv/more/../log/x": "srv/log/x", "/srv/more/x": "srv/log/x", "/../etc/passwd": "etc/passwd",
		"/nothing/there": "nothing/there",
	} {
		if got := resolve(root, name); got != filepath.Join(root, want) {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	resolve(root, "/loop/x")
}
