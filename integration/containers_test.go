// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/integration/servers"
	"github.com/spanbridge/spanbridge/integration/servers/process"
)

//go:embed testdata/box.sh
var boxScript string

// boxedStatements is how many statements each server runs.
const boxedStatements = 23

// boxed is a server in mount and pid namespaces of its own, whose control group
// has a name that a container runtime would have given it.
type boxed struct {
	*servers.Server
	group   string         // below /sys/fs/cgroup
	network bool           // has a network namespace of its own too
	tells   map[string]any // what the resource of its spans must say of the container

	args     []string // program and arguments
	groupDir string
	process  *process.Process
}

const (
	podContainer = "1d0f3b5a7c9e2d4f6b8a0c1e3d5f7a9b1c3e5d7f9a0b2c4d6e8f1a3b5c7d9e0f"
	dockerID     = "aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899"
)

// Two servers, from one file of the disk: in Kubernetes by systemd and in docker.
// How a container sees the file differs: by a bind mount under the same device
// and inode, by an overlay of its own under another device each.
func TestServersInContainersAreToldApart(t *testing.T) {
	for _, how := range []string{"bind", "overlay", "image"} {
		t.Run(how, func(t *testing.T) {
			all := []*boxed{inPod(), inDocker()}
			for _, server := range all {
				if how == "image" {
					server.startImage(t)
					continue
				}
				server.prepare(t)
				server.start(t, how)
			}
			// As the servers themselves see it: on the host their files lie elsewhere.
			bridge := startBridge(t, "--target", "/usr/sbin/mariadbd")
			for _, server := range all {
				server.work(t)
			}
			r := bridge.stop()
			r.mustClose(t)
			for _, server := range all {
				server.check(t, r)
			}
			if strings.Contains(r.stderr, "replaced=") {
				t.Errorf("statements were begun twice\n%s", r.stderr)
			}
		})
	}
}

// Each start of a container makes files of its own. What the bridge kept of those
// that are gone would pile up.
func TestContainersThatStartAgainLeaveNothingBehind(t *testing.T) {
	server := inPod()
	server.prepare(t)
	server.start(t, "overlay")
	bridge := startBridge(t, "--target", server.Binary)
	bridge.sees(t, server.PID, "query by uprobe")
	// Servers of others may be seen too.
	open, operations := bridge.openOverlays(), strings.Count(bridge.stderr.String(), ": query by ")
	if open == 0 {
		t.Fatal("the bridge has no file of the container open")
	}
	var pids []int
	for range 3 {
		server.work(t)
		pids = append(pids, server.PID)
		server.end(t)
		bridge.waitFor(fmt.Sprintf("process %d (mariadbd) has ended", server.PID))
		server.start(t, "overlay")
		bridge.sees(t, server.PID, "query by uprobe")
		if n := bridge.openOverlays(); n != open {
			t.Errorf("the bridge has %d files of containers open, after %d at first", n, open)
		}
	}
	r := bridge.stop()
	r.mustClose(t)
	if n := strings.Count(r.stderr, "ledger: mariadb/query/"); n > operations {
		t.Errorf("%d operations, and %d servers at first\n%s", n, operations, r.stderr)
	}
	byPID := make(map[int]int)
	for _, s := range r.spans {
		if pid, _ := s.Resource["process.pid"].(int64); strings.HasSuffix(s.text(), server.suffix()) {
			byPID[int(pid)]++
		}
	}
	for _, pid := range pids {
		if byPID[pid] != boxedStatements {
			t.Errorf("%d spans of process %d, want %d\n%s", byPID[pid], pid, boxedStatements, r.stderr)
		}
	}
}

// waitFor waits until the bridge has said something.
func (b *runningBridge) waitFor(text string) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(b.stderr.String(), text); {
		if time.Now().After(deadline) {
			b.t.Fatalf("the bridge did not say %q\n%s", text, b.stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// openOverlays counts the files on overlayfs that the bridge has open.
func (b *runningBridge) openOverlays() (n int) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", b.cmd.Process.Pid))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, file := range files {
		var st unix.Statfs_t
		if unix.Statfs(file, &st) == nil && st.Type == unix.OVERLAYFS_SUPER_MAGIC {
			n++
		}
	}
	return n
}

func inPod() *boxed {
	return &boxed{
		group: "unified/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0c1d2e3f_4a5b_6c7d_8e9f_0123456789ab.slice/cri-containerd-" + podContainer + ".scope",
		tells: map[string]any{
			"container.id": podContainer, "container.runtime.name": "containerd",
			"k8s.pod.uid": "0c1d2e3f-4a5b-6c7d-8e9f-0123456789ab",
		},
	}
}

func inDocker() *boxed {
	return &boxed{
		group: "pids/docker/" + dockerID, network: true,
		tells: map[string]any{"container.id": dockerID, "container.runtime.name": "docker", "k8s.pod.uid": nil},
	}
}

// startImage starts MariaDB 11.8 from a tree of its own.
func (b *boxed) startImage(t *testing.T) {
	t.Helper()
	b.network = false
	b.Server = startServer(t, tier{start: func(ctx context.Context, options ...servers.Option) (*servers.Server, error) {
		return servers.MariaDB118(ctx, append(options, servers.WithCgroup(makeGroup(t, b.group)))...)
	}})
}

// prepare starts a server on the host, for its files and its command line, and
// ends it.
func (b *boxed) prepare(t *testing.T) {
	t.Helper()
	b.Server = startServer(t, tier{start: servers.StockMariaDB})
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", b.PID))
	if err != nil {
		t.Fatal(err)
	}
	b.args = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	if err := b.Kill9(); err != nil {
		t.Fatal(err)
	}
	b.groupDir = makeGroup(t, b.group)
	if b.network {
		// Not even the loopback interface is up there.
		b.args = append(b.args, "--bind-address=0.0.0.0")
		b.DSN = fmt.Sprintf("%s:%s@unix(%s)/%s", servers.User, servers.Password, b.Socket, servers.Database)
	}
}

// start starts the server in a box.
func (b *boxed) start(t *testing.T, how string) {
	t.Helper()
	args := []string{"-euc", boxScript, "box", how, b.groupDir, filepath.Dir(b.Datadir)}
	cmd := exec.Command("sh", append(args, b.args...)...)
	var log lockedBuffer
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if b.network {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET
	}
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	b.PID, b.process = p.PID, p
	t.Cleanup(func() { b.end(t) })
	db, err := sql.Open("mysql", b.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Until(ctx, func() error { return db.PingContext(ctx) }); err != nil {
		t.Fatalf("server in a box: %v\n%s\n%s", err, &log, process.Tail(b.ErrorLog(), 8))
	}
}

func (b *boxed) end(t *testing.T) {
	t.Helper()
	if err := b.process.Stop(time.Minute); err != nil {
		t.Error(err)
	}
}

// makeGroup makes a control group with those above it, and removes them when
// they are empty at the end.
func makeGroup(t *testing.T, group string) string {
	t.Helper()
	const root = "/sys/fs/cgroup"
	path := root
	for _, part := range strings.Split(group, "/") {
		path = filepath.Join(path, part)
		made := path
		err := os.Mkdir(made, 0o755)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Remove(made); err != nil {
				t.Error(err)
			}
		})
	}
	return path
}

func (b *boxed) suffix() string { return fmt.Sprintf("_at_%d", b.Port) }

func (b *boxed) statement(n int) string { return fmt.Sprintf("SELECT %d AS s%d%s", n, n, b.suffix()) }

func (b *boxed) work(t *testing.T) {
	t.Helper()
	c := connect(t, b.Server, "")
	for n := range boxedStatements {
		c.must(b.statement(n))
	}
	c.settle()
}

func (b *boxed) version(t *testing.T) (version string) {
	t.Helper()
	c := connect(t, b.Server, "")
	if err := c.conn.QueryRowContext(t.Context(), "SELECT VERSION()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

// check looks for exactly one span of each of the server's statements, each with
// the server's own resource.
func (b *boxed) check(t *testing.T, r *result) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	instance := fmt.Sprintf("%s:%d", host, b.Port)
	if b.network {
		instance = fmt.Sprintf("%s:%.12s:%d", host, b.tells["container.id"], b.Port)
	}
	want := map[string]any{
		"process.pid": int64(b.PID), "process.vpid": int64(1), "process.executable.path": "/usr/sbin/mariadbd",
		"service.name": "mariadb", "service.version": b.version(t), "service.instance.id": instance,
	}
	for key, value := range b.tells {
		want[key] = value
	}
	spans := make(map[string]int)
	for _, s := range r.spans {
		if !strings.HasSuffix(s.text(), b.suffix()) {
			continue
		}
		spans[s.text()]++
		got := make(map[string]any)
		for key := range want {
			got[key] = s.Resource[key]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("resource of %q: %s", s.text(), diff)
		}
		if s.Attrs["server.port"] != int64(b.Port) {
			t.Errorf("server.port of %q is %v", s.text(), s.Attrs["server.port"])
		}
	}
	texts := make(map[string]int)
	for n := range boxedStatements {
		texts[strings.Replace(b.statement(n), fmt.Sprint(n), "?", 1)] = 1
	}
	if diff := cmp.Diff(texts, spans); diff != "" {
		t.Errorf("spans by statement: %s\n%s", diff, r.stderr)
	}
}
