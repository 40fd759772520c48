// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	usdtDemo  = "../examples/usdt-demo"
	demoCalls = 23
	demoSleep = 3 * time.Millisecond
)

// buildUSDTDemo compiles the example as its README says.
func buildUSDTDemo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("make", "-C", usdtDemo, "OUT="+dir).CombinedOutput(); err != nil {
		t.Fatalf("build usdt-demo: %v\n%s", err, out)
	}
	return filepath.Join(dir, "usdt-demo")
}

// waitingDemo is a usdt-demo that waits for Enter, alone or below bpftrace.
type waitingDemo struct {
	t      *testing.T
	cmd    *exec.Cmd
	pid    string
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr lockedBuffer
}

func startWaiting(t *testing.T, name string, args ...string) *waitingDemo {
	t.Helper()
	d := &waitingDemo{t: t, cmd: exec.Command(name, args...)}
	d.cmd.Stderr = &d.stderr
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.stdin.Close() // at the end of its input the program ends
		if d.cmd.ProcessState == nil {
			d.cmd.Process.Kill()
			d.cmd.Wait()
		}
	})
	d.stdout = bufio.NewReader(stdout)
	waits := regexp.MustCompile(`^process (\d+) waits`)
	for {
		line, err := d.stdout.ReadString('\n')
		if err != nil {
			t.Fatalf("usdt-demo did not wait: %v\n%s", err, &d.stderr)
		}
		if match := waits.FindStringSubmatch(line); match != nil {
			d.pid = match[1]
			return d
		}
	}
}

// enter lets the program run to its end and returns what was printed meanwhile.
func (d *waitingDemo) enter() string {
	d.t.Helper()
	if _, err := io.WriteString(d.stdin, "\n"); err != nil {
		d.t.Fatal(err)
	}
	out, err := io.ReadAll(d.stdout)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Fatalf("usdt-demo: %v\n%s", err, &d.stderr)
	}
	return string(out)
}

// wantDemoSpans checks that there is one span for every call and no other.
func wantDemoSpans(t *testing.T, r *result) {
	t.Helper()
	r.mustClose(t)
	if len(r.spans) != demoCalls {
		t.Errorf("%d calls gave %d spans\n%s", demoCalls, len(r.spans), r.stderr)
	}
	var last nanoseconds
	for _, s := range r.spans {
		if s.Name != "execute" || s.Resource["service.name"] != "usdt-demo" || s.Parent != "" {
			t.Errorf("span %q of service %v with parent %q", s.Name, s.Resource["service.name"], s.Parent)
		}
		if s.duration() < demoSleep {
			t.Errorf("a call that sleeps %v took %v", demoSleep, s.duration())
		}
		if s.Start < last {
			t.Errorf("a call began %v before the one before it had ended", time.Duration(last-s.Start))
		}
		last = s.End
	}
}

func TestUSDTDemoGivesASpanForEveryCall(t *testing.T) {
	t.Parallel()
	program := buildUSDTDemo(t)
	args := []string{"-w", strconv.Itoa(demoCalls), strconv.FormatInt(demoSleep.Milliseconds(), 10)}
	for _, profile := range []string{"demo", usdtDemo + "/profile.yaml"} {
		t.Run("with the profile "+filepath.Base(profile), func(t *testing.T) {
			demo := startWaiting(t, program, args...)
			bridge := startBridge(t, "--profile", profile, "--target", demo.pid)
			demo.enter()
			wantDemoSpans(t, bridge.stop())
		})
	}
}

// The probes stay attached when a program ends, so that its next run is seen from
// its first call.
func TestUSDTDemoIsSeenFromItsFirstCallWhenItRunsAgain(t *testing.T) {
	t.Parallel()
	program := buildUSDTDemo(t)
	calls, sleep := strconv.Itoa(demoCalls), strconv.FormatInt(demoSleep.Milliseconds(), 10)
	first := startWaiting(t, program, "-w", "0")
	bridge := startBridge(t, "--profile", "demo", "--target", program)
	first.enter()
	if out, err := exec.Command(program, calls, sleep).CombinedOutput(); err != nil {
		t.Fatalf("usdt-demo: %v\n%s", err, out)
	}
	wantDemoSpans(t, bridge.stop())
}

// The same without a profile: operations of the command line at USDT probes and at a
// function, and hits of a probe that are counted.
func TestOperationsOfTheCommandLineAreSeenInPrograms(t *testing.T) {
	t.Parallel()
	const runs = 3
	program := buildUSDTDemo(t)
	first := startWaiting(t, program, "-w", "0")
	bridge := startBridge(t, "--target", program,
		"-o", "execute=usdt:"+program+":mysql:query__start..usdt:"+program+":mysql:query__done",
		"-o", "whole=uprobe:"+program+":main..uretprobe:"+program+":main",
		"--count", "started=usdt:"+program+":mysql:query__start")
	first.enter()
	for range runs {
		if out, err := exec.Command(program, strconv.Itoa(demoCalls), "1").CombinedOutput(); err != nil {
			t.Fatalf("usdt-demo: %v\n%s", err, out)
		}
	}
	r := bridge.stop()
	r.mustClose(t)
	calls := make(map[string]int)
	var executing, whole time.Duration
	for _, s := range r.spans {
		calls[s.Name]++
		if s.Name == "whole" {
			whole += s.duration()
		} else {
			executing += s.duration()
		}
	}
	if calls["execute"] != runs*demoCalls || calls["whole"] != runs || len(calls) != 2 || executing > whole || executing < runs*demoCalls*time.Millisecond {
		t.Errorf("spans %v, %v of %v in calls\n%s", calls, executing, whole, r.stderr)
	}
	if n := r.ledger["adhoc-program/started/usdt"]["points"]; n != runs*demoCalls {
		t.Errorf("%d calls counted, want %d\n%s", n, runs*demoCalls, r.stderr)
	}
}

// bpftrace starts the program when it has attached, so that the program's first
// line says that both may begin.
func TestUSDTDemoIsCountedByBpftraceAndTheBridgeAlike(t *testing.T) {
	t.Parallel()
	program := buildUSDTDemo(t)
	command := strings.Join([]string{program, "-w", strconv.Itoa(demoCalls), "3"}, " ")
	demo := startWaiting(t, "bpftrace", "-c", command, "-e",
		"usdt:"+program+":mysql:query__start { @ = count(); }")
	bridge := startBridge(t, "--profile", "demo", "--target", demo.pid)
	count := regexp.MustCompile(`(?m)^@: (\d+)$`).FindStringSubmatch(demo.enter())
	if count == nil {
		t.Fatalf("bpftrace printed no count\n%s", &demo.stderr)
	}
	r := bridge.stop()
	wantDemoSpans(t, r)
	if count[1] != strconv.Itoa(len(r.spans)) {
		t.Errorf("bpftrace counted %s calls, the bridge made %d spans", count[1], len(r.spans))
	}
}
