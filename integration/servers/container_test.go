// SPDX-License-Identifier: Apache-2.0

//go:build integration

package servers_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// contained lists the servers that run in containers.
var contained = []struct {
	name, version string
	start         func(context.Context, ...servers.Option) (*servers.Server, error)
}{
	{"mysql", "9.7.", servers.MySQL},
	{"mariadb", "11.8.", servers.MariaDB118},
	{"mariadb of Debian 11", "10.5.", servers.MariaDB105},
}

func TestContainedServersServeFromNamespacesOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, c := range contained {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := c.start(t.Context(), servers.WithArgs("--max-connections=17", "--performance-schema=ON"))
			if err != nil {
				t.Fatal(err)
			}
			if got := query(t, s, "SELECT CONCAT(VERSION(), ' ', DATABASE())"); !strings.HasPrefix(got, c.version) ||
				!strings.HasSuffix(got, " "+servers.Database) {
				t.Errorf("version and database = %q, want %s… and %s", got, c.version, servers.Database)
			}
			if got := query(t, s, "SELECT CONCAT(@@max_connections, @@performance_schema + 0)"); got != "171" {
				t.Errorf("max_connections and performance_schema = %s, want 17 and 1", got)
			}
			if _, err := os.Stat(s.Socket); err != nil {
				t.Errorf("the socket is not there on the host: %v", err)
			}
			wantContained(t, s)
			spaces := namespaces(t, s.PID)
			if err := s.Kill9(); err != nil {
				t.Fatal(err)
			}
			wantNothingRuns(t, spaces)
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := query(t, s, "SELECT DATABASE()"); got != servers.Database {
				t.Errorf("database after the crash = %q, want %q", got, servers.Database)
			}
			spaces = namespaces(t, s.PID)
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			wantNothingRuns(t, spaces)
			wantNothingLeft(t, s)
		})
	}
}

func TestEveryMySQLHasAnIdentityAndAPortOfItsOwn(t *testing.T) {
	t.Parallel()
	var ids, ports [2]string
	for i := range ids {
		s, err := servers.MySQL(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop() })
		ids[i], ports[i] = query(t, s, "SELECT @@server_uuid"), query(t, s, "SELECT @@port")
	}
	if ids[0] == ids[1] || ports[0] == ports[1] {
		t.Errorf("two servers have the ids %v and the ports %v, want them to differ", ids, ports)
	}
}

// wantContained checks that the server is alone in its pid and mount namespaces,
// and sees its program where the container's root file system has it.
func wantContained(t *testing.T, s *servers.Server) {
	t.Helper()
	spaces, mine := namespaces(t, s.PID), namespaces(t, os.Getpid())
	if spaces["pid"] == mine["pid"] || spaces["mnt"] == mine["mnt"] || spaces["net"] != mine["net"] {
		t.Errorf("namespaces %v, those of the host %v: want pid and mnt to differ only", spaces, mine)
	}
	if got := innerPID(t, s.PID); got != "1" {
		t.Errorf("its own pid = %s, want 1", got)
	}
	if exe, err := os.Readlink(procPath(s.PID, "exe")); err != nil || s.Root+exe != s.Binary {
		t.Errorf("exe = %q (%v), want %s in %s", exe, err, s.Binary, s.Root)
	}
}

func procPath(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

func namespaces(t *testing.T, pid int) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, name := range []string{"pid", "mnt", "net"} {
		link, err := os.Readlink(procPath(pid, "ns/"+name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = link
	}
	return all
}

// innerPID returns the process id in the innermost pid namespace.
func innerPID(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(procPath(pid, "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(ids)
			return fields[len(fields)-1]
		}
	}
	t.Fatalf("no NSpid in %s", status)
	return ""
}

// wantNothingRuns checks that no process is in the namespaces of a server that
// has ended.
func wantNothingRuns(t *testing.T, spaces map[string]string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range links {
		link, _ := os.Readlink(path) // "" for a process that has ended
		if link == spaces["pid"] || link == spaces["mnt"] {
			t.Errorf("%s is still %s", path, link)
		}
	}
}

// wantNothingLeft checks that a stopped server has left no mount and no file.
func wantNothingLeft(t *testing.T, s *servers.Server) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(s.Datadir)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, dir) || strings.Contains(line, s.Root) {
			t.Errorf("mount left behind: %s", line)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("directory after Stop: %v, want it gone", err)
	}
}
