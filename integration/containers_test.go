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
	group string         // below /sys/fs/cgroup
	tells map[string]any // what the resource of its spans must say of the container
}

const (
	podContainer = "1d0f3b5a7c9e2d4f6b8a0c1e3d5f7a9b1c3e5d7f9a0b2c4d6e8f1a3b5c7d9e0f"
	dockerID     = "aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899"
)

// Two servers, from one file of the disk: in Kubernetes by systemd and in docker.
// How a container sees the file differs: by a bind mount under the same device
// and inode, by an overlay of its own under another device each.
func TestServersInContainersAreToldApart(t *testing.T) {
	for _, how := range []string{"bind", "overlay"} {
		t.Run(how, func(t *testing.T) {
			pod := &boxed{
				group: "unified/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0c1d2e3f_4a5b_6c7d_8e9f_0123456789ab.slice/cri-containerd-" + podContainer + ".scope",
				tells: map[string]any{
					"container.id": podContainer, "container.runtime.name": "containerd",
					"k8s.pod.uid": "0c1d2e3f-4a5b-6c7d-8e9f-0123456789ab",
				},
			}
			docker := &boxed{
				group: "pids/docker/" + dockerID,
				tells: map[string]any{"container.id": dockerID, "container.runtime.name": "docker", "k8s.pod.uid": nil},
			}
			all := []*boxed{pod, docker}
			for _, server := range all {
				server.start(t, how)
			}
			// As the servers themselves see it: on the host their files lie elsewhere.
			bridge := startBridge(t, "--target", pod.Binary)
			for _, server := range all {
				server.work(t)
			}
			r := bridge.stop()
			r.mustClose(t)
			for _, server := range all {
				server.check(t, r)
			}
			if n := r.ledger["mariadb/query/uprobe"]["replaced"]; n > 0 {
				t.Errorf("%d statements were begun twice\n%s", n, r.stderr)
			}
		})
	}
}

// start starts a server on the host, for its files and its command line, and then
// the same in a box.
func (b *boxed) start(t *testing.T, how string) {
	t.Helper()
	b.Server = startServer(t, tier{start: servers.StockMariaDB})
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", b.PID))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Kill9(); err != nil {
		t.Fatal(err)
	}
	group := makeGroup(t, b.group)
	args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	args = append([]string{"-euc", boxScript, "box", how, group, filepath.Dir(b.Datadir)}, args...)
	cmd := exec.Command("sh", args...)
	var log lockedBuffer
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(time.Minute); err != nil {
			t.Error(err)
		}
	})
	b.PID = p.PID
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

func (b *boxed) statement(n int) string { return fmt.Sprintf("SELECT %d AS s%d_at_%d", n, n, b.Port) }

func (b *boxed) work(t *testing.T) {
	t.Helper()
	c := connect(t, b.Server, "")
	for n := range boxedStatements {
		c.must(b.statement(n))
	}
	c.settle()
}

// check looks for exactly one span of each of the server's statements, each with
// the server's own resource.
func (b *boxed) check(t *testing.T, r *result) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"process.pid": int64(b.PID), "process.vpid": int64(1), "process.executable.path": b.Binary,
		"service.name": "mariadb", "service.instance.id": fmt.Sprintf("%s:%d", host, b.Port),
	}
	for key, value := range b.tells {
		want[key] = value
	}
	spans := make(map[string]int)
	for _, s := range r.spans {
		if !strings.HasSuffix(s.text(), fmt.Sprintf("_at_%d", b.Port)) {
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
