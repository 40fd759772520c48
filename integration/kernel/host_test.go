// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

const execProfile = `
profile: execs
operations:
  process:
    metric: process.duration
    attributes: {parent: parent, file: file, arguments: arguments, code: code}
    tiers:
      - tier: tracepoint
        start:
          probe: tracepoint:sched:sched_process_exec
          capture:
            file: {field: filename, type: string, max: 256}
            parent: {task: real_parent.tgid, type: u32}
            arguments: {task: mm.arg_start, end: mm.arg_end, user: true, type: arguments}
        done:
          probe: rawtracepoint:sched_process_exit
          capture:
            code: {field: p.exit_code, type: i32}
`

func TestKernelSeesEveryProcessFromItsExecution(t *testing.T) {
	path := compileFixture(t, "probes.c")
	o := observeHost(t, execProfile, probes.Config{})
	const n = 23
	pids := make(map[uint32]int)
	for i := range n {
		cmd := exec.Command(path, "number", fmt.Sprint(i))
		if err := cmd.Run(); err != nil { // it ends at the end of its input
			t.Fatal(err)
		}
		pids[uint32(cmd.Process.Pid)] = i
	}
	seen := 0
	for _, r := range o.records() {
		i, ours := pids[r.TGID]
		if !ours {
			continue
		}
		seen++
		arguments := strings.Join([]string{path, "number", fmt.Sprint(i)}, "\x00") + "\x00"
		if r.texts["file"] != path || r.texts["arguments"] != arguments || r.values["parent"] != int64(os.Getpid()) || r.values["code"] != 0 {
			t.Errorf("process %d: %q %v", i, r.texts, r.values)
		}
	}
	if seen != n {
		t.Errorf("%d of %d", seen, n)
	}
	if c := o.settled("process"); c.Paired < n {
		t.Errorf("counts %+v", c)
	}
}

func TestKernelLimitsWhatTheHostDoesToTheProcessesThatWereNamed(t *testing.T) {
	path := compileFixture(t, "probes.c")
	named, other := startFixture(t, path), startFixture(t, path)
	o := observeHost(t, syscallProfile, probes.Config{Targets: []probes.Target{{PID: named.cmd.Process.Pid}}})
	other.do("fsync 5")
	named.do("fsync 7")
	syncs(t, 2, 1)
	for _, r := range o.records() {
		if int(r.TGID) != named.cmd.Process.Pid {
			t.Errorf("a record of process %d", r.TGID)
		}
	}
	if c := o.counts("fsync"); c.Starts != 7 || c.Paired != 7 || c.NoStart != 0 {
		t.Errorf("counts %+v", c)
	}
	if c := o.counts("both"); c.Points != 7 {
		t.Errorf("%d single events, want 7", c.Points)
	}
	// One that is started later is found by its name.
	o = observeHost(t, syscallProfile, probes.Config{Targets: []probes.Target{{Path: path}}})
	late := startFixture(t, path)
	if err := o.session.Scan(); err != nil {
		t.Fatal(err)
	}
	late.do("fsync 3")
	other.do("fsync 2")
	if c := o.counts("fsync"); c.Starts != 5 {
		t.Errorf("counts %+v", c)
	}
	late.stop()
	if err := o.session.Scan(); err != nil {
		t.Fatal(err)
	}
	other.do("fsync 1")
	if c := o.counts("fsync"); c.Starts != 6 {
		t.Errorf("counts %+v", c)
	}
}

var threadProfile = fmt.Sprintf(`
profile: threads
operations:
  file:
    attributes: {file: file, again: again}
    tiers:
      - tier: tracepoint
        start:
          probe: tracepoint:syscalls:sys_enter_fsync
          key: [fd]
          capture: {file: {field: fd, type: u32}}
        done:
          probe: tracepoint:syscalls:sys_enter_fdatasync
          key: [fd]
          capture: {again: {field: fd, type: u32}}
  exit:
    tiers:
      - tier: raw
        start:
          probe: rawtracepoint:sys_enter
          when: {field: id, type: u32, in: [%d]}
        done: {probe: rawtracepoint:sys_exit, optional: true}
`, syscall.SYS_EXIT)

func TestKernelEndsByItsKeyWhatBeganOnAnotherThread(t *testing.T) {
	o := observeHost(t, threadProfile, probes.Config{})
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const first, n = 700, 23 // numbers that nobody else uses
	for i := range n {
		if err := syscall.Dup3(int(f.Fd()), first+i, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(first + i)
	}
	// All are open at once, and end in the other order.
	begin, end := make([]int, n), make([]int, n)
	onThread := func(call func(int) error, tids []int, order func(int) int) {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // and the thread ends with the goroutine
			for i := range n {
				tids[order(i)] = syscall.Gettid()
				if err := call(first + order(i)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	onThread(syscall.Fsync, begin, func(i int) int { return i })
	if c := o.sofar("file"); c.Open < n {
		t.Errorf("counts %+v", c)
	}
	onThread(syscall.Fdatasync, end, func(i int) int { return n - 1 - i })
	onThread(syscall.Fsync, begin, func(int) int { return 0 }) // the same one again and again
	seen := 0
	for _, r := range o.own("file") {
		i := int(r.values["file"]) - first
		if i < 0 || i >= n {
			continue
		}
		seen++
		if r.values["again"] != r.values["file"] || int(r.TID) == end[i] || r.EndNs < r.StartNs {
			t.Errorf("%d: %v of thread %d", i, r.values, r.TID)
		}
	}
	if seen != n {
		t.Errorf("%d of %d", seen, n)
	}
	if c := o.settled("file"); c.Replaced < n-1 || c.Paired < n {
		t.Errorf("counts %+v", c)
	}
}

func TestKernelAbandonsWhatAThreadLeavesOpen(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observeHost(t, threadProfile, probes.Config{Targets: []probes.Target{{PID: f.cmd.Process.Pid}}})
	f.do("thread", "thread", "thread")
	eventually(t, "three threads have ended", func() bool { return o.counts("exit").Abandoned == 3 })
	if c := o.counts("exit"); c.Starts != 3 || c.Open != 0 {
		t.Errorf("counts %+v", c)
	}
}

func TestKernelTellsDurationsApartByACapture(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	profile := strings.NewReplacer(
		"  fsync:\n", "  fsync:\n    metric: fsyncs\n    by: fd\n", "  datasync:\n", "  datasync:\n    metric: datasyncs\n    by: comm\n",
		"in: [75]", "in: [74]", "capture: {number:", "capture: {comm: {task: comm, type: string, max: 16}, number:",
	).Replace(syscallProfile)
	o := observeHost(t, profile, probes.Config{Targets: []probes.Target{{PID: f.cmd.Process.Pid}}})
	f.do("fsync 4")
	fsyncs, named := o.histograms("fsync"), o.histograms("datasync")
	all := o.records()
	fd := ""
	for _, r := range all {
		if r.op == "fsync" {
			fd = fmt.Sprint(r.values["fd"])
		}
	}
	if len(all) != 8 || len(fsyncs) != 1 || fsyncs[0].Count != 4 || fsyncs[0].Namespace != fd || fsyncs[0].TGID != 0 {
		t.Errorf("%d records; by a number: %+v", len(all), fsyncs)
	}
	if len(named) != 1 || named[0].Count != 4 || named[0].Namespace != "fixture" {
		t.Errorf("by a string: %+v", named)
	}
	for _, r := range all {
		if op := o.session.Operation(r.Op); len(op.By) == 0 || op.Host == nil || !op.InKernel || op.By[0].Type == bridge.FieldAddress {
			t.Errorf("operation %+v", op)
		}
	}
}
