// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers/process"
)

func start(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(exec.Command("sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

func TestStopEndsAProcessThatObeys(t *testing.T) {
	p := start(t, "exec sleep 60")
	if err := p.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if p.Running() {
		t.Error("still running after Stop")
	}
	if err := p.Stop(time.Second); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

func TestStopKillsAProcessThatIgnoresItAndSaysSo(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	p := start(t, "trap '' TERM; touch "+ready+"; while :; do sleep 0.05; done")
	err := p.Until(t.Context(), func() error { _, err := os.Stat(ready); return err })
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "killed after") {
		t.Errorf("Stop = %v, want a report that it was killed", err)
	}
	if p.Running() {
		t.Error("still running after Stop")
	}
}

func TestUntilGivesTheReason(t *testing.T) {
	notYet := errors.New("not yet")
	never := func() error { return notYet }

	t.Run("the process ended", func(t *testing.T) {
		err := start(t, "exit 3").Until(t.Context(), never)
		if err == nil || !strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("Until = %v, want exit status 3", err)
		}
	})
	t.Run("the time is over", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := start(t, "exec sleep 60").Until(ctx, never)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, notYet) {
			t.Errorf("Until = %v, want deadline and last answer", err)
		}
	})
}

func TestStartReportsAMissingProgram(t *testing.T) {
	if _, err := process.Start(exec.Command("/nonexistent/program")); err == nil {
		t.Error("Start of a missing program gave no error")
	}
}

func TestFreePortsDifferAndAreNoneOfClients(t *testing.T) {
	ports, err := process.FreePorts(8)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	var first, last int
	if _, err := fmt.Sscan(string(text), &first, &last); err != nil {
		t.Fatal(err)
	}
	room := first > 16384 // below them
	seen := map[int]bool{}
	for _, p := range ports {
		if p < 1024 || seen[p] || room && p >= first && p <= last {
			t.Errorf("ports %v: privileged, repeated, or of clients, who have %d to %d", ports, first, last)
		}
		seen[p] = true
	}
}

func TestTailKeepsTheLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := process.Tail(path, 2), "line 8\nline 9"; got != want {
		t.Errorf("Tail = %q, want %q", got, want)
	}
}

func TestChildrenAreThoseOfThatProcessAndCanBeWaitedFor(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	p := start(t, "sleep 60 & echo $! >"+ready+".new; mv "+ready+".new "+ready+"; wait")
	err := p.Until(t.Context(), func() error { _, err := os.Stat(ready); return err })
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(ready)
	if err != nil {
		t.Fatal(err)
	}
	children := process.Children(p.PID)
	if len(children) != 1 || fmt.Sprintln(children[0]) != string(written) {
		t.Fatalf("children = %v, want %s", children, written)
	}
	if err := process.WaitGone(children, 30*time.Millisecond); err == nil {
		t.Error("WaitGone of a running process gave no error")
	}
	child, err := os.FindProcess(children[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := process.WaitGone(children, 10*time.Second); err != nil {
		t.Error(err)
	}
	if got := process.Children(p.PID); len(got) != 0 {
		t.Errorf("children after its end = %v, want none", got)
	}
}
