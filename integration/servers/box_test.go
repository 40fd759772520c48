// SPDX-License-Identifier: Apache-2.0

//go:build integration

package servers_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
	"github.com/spanbridge/spanbridge/integration/servers/process"
)

// boxed has one server for each way to run one.
var boxed = map[string]func(context.Context, ...servers.Option) (*servers.Server, error){
	"container":       servers.MariaDB118,
	"host":            servers.StockMariaDB,
	"another account": servers.PostgreSQL,
}

func TestServersStartInTheControlGroupAskedFor(t *testing.T) {
	t.Parallel()
	for name, start := range boxed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group := makeCgroup(t)
			s, err := start(t.Context(), servers.WithCgroup(group))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Stop() })
			for _, pid := range append(process.Children(s.PID), s.PID) {
				b, err := os.ReadFile(procPath(pid, "cgroup"))
				if err != nil {
					t.Fatal(err)
				}
				if want := "/" + filepath.Base(group) + "\n"; !strings.Contains(string(b), want) {
					t.Errorf("process %d is in the groups\n%swant %s", pid, b, want)
				}
			}
		})
	}
}

// makeCgroup makes a control group of version 2, which is gone when the test ends.
func makeCgroup(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "cgroup2" {
			continue
		}
		group, err := os.MkdirTemp(fields[1], "spanbridge-test-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Remove(group); err != nil {
				t.Error(err)
			}
		})
		return group
	}
	t.Fatal("no control groups of version 2 are mounted")
	return ""
}

const (
	crashEnv   = "SPANBRIDGE_TEST_START"
	crashReady = "started process "
)

// TestMain makes this program, if crashEnv names a way to run a server, the one
// that TestServersEndWithTheProgramThatStartedThem kills.
func TestMain(m *testing.M) {
	start, asked := boxed[os.Getenv(crashEnv)]
	if !asked {
		os.Exit(m.Run())
	}
	s, err := start(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%s%d in %s\n", crashReady, s.PID, filepath.Dir(s.Datadir))
	select {}
}

func TestServersEndWithTheProgramThatStartedThem(t *testing.T) {
	t.Parallel()
	for name := range boxed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), crashEnv+"="+name)
			pid, dir := startAndRead(t, cmd)
			all := append(process.Children(pid), pid)
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // says that it was killed
			if err := process.WaitGone(all, 20*time.Second); err != nil {
				t.Error(err)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Errorf("what it left behind: %v", err)
			}
		})
	}
}

// startAndRead starts the helper and returns what it says of its server.
func startAndRead(t *testing.T, cmd *exec.Cmd) (pid int, dir string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []byte
	for buf := make([]byte, 512); !bytes.HasSuffix(said, []byte("\n")) || !bytes.Contains(said, []byte(crashReady)); {
		n, err := out.Read(buf)
		said = append(said, buf[:n]...)
		if err != nil {
			_ = cmd.Wait()
			t.Fatalf("the helper ended: %s", said)
		}
	}
	_, after, _ := strings.Cut(string(said), crashReady)
	number, rest, _ := strings.Cut(strings.TrimSpace(after), " in ")
	if pid, err = strconv.Atoi(number); err != nil {
		t.Fatal(err)
	}
	return pid, rest
}
