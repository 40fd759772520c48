// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"

	"github.com/spanbridge/spanbridge/probes"
)

const callsProfile = `
profile: calls
operations:
  begun:
    counter: begun
    tiers: [{tier: tracepoint, point: {probe: "tracepoint:syscalls:sys_enter_*"}}]
  returned:
    counter: returned
    tiers: [{tier: tracepoint, point: {probe: "tracepoint:syscalls:sys_exit_*"}}]
  scheduled:
    counter: scheduled
    tiers: [{tier: tracepoint, point: {probe: "tracepoint:sched:*"}}]
  again:
    counter: again
    tiers: [{tier: tracepoint, point: {probe: "tracepoint:syscalls:sys_enter_gets*"}}]
`

// perfEvents counts the tracepoints that are attached one by one.
func perfEvents(t *testing.T) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if to, _ := os.Readlink(fd); to == "anon_inode:[perf_event]" {
			n++
		}
	}
	return n
}

// linuxMajor is the first number of the running kernel's version.
func linuxMajor(t *testing.T) (major int) {
	t.Helper()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(release), "%d.", &major); err != nil {
		t.Fatal(err)
	}
	return major
}

// To remove a perf event of a tracepoint takes the kernel some 40 ms, so that of many
// not each has one.
func TestKernelCountsManyTracepointsWithoutAnEventForEach(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	before := perfEvents(t)
	o := observeHost(t, callsProfile, probes.Config{Targets: []probes.Target{{PID: f.cmd.Process.Pid}}})
	most := 40 // calls of which the number is not known by that name
	if linuxMajor(t) >= 7 || features.HaveProgramHelper(ebpf.RawTracepoint, asm.FnGetAttachCookie) != nil {
		most += 40 // before Linux 6.10 and from 7.0 on, those of the scheduler
	}
	if n := perfEvents(t) - before; n > most {
		t.Errorf("%d perf events of 750 tracepoints", n)
	}
	const n = uint64(23)
	// The tracepoints of uname have another name, and are attached by themselves.
	f.do("ask 1 23", "uname 23", "call32 23")
	for range n {
		f.do("fork")
	}
	for op, want := range map[string]string{
		"begun": "sys_enter_getsid sys_enter_newuname", "returned": "sys_exit_getsid sys_exit_newuname", "again": "sys_enter_getsid",
		"scheduled": "sched:sched_process_fork",
	} {
		counts := make(map[string]uint64)
		for _, p := range o.histograms(op) {
			name := strings.TrimPrefix(p.Namespace, "tracepoint:")
			counts[strings.TrimPrefix(name, "syscalls:")] = p.Count
		}
		for _, call := range strings.Fields(want) {
			// Linux 7.2 preempts programs at system calls, and tells what it misses meanwhile.
			if counts[call] != n && (counts[call] > n || n-counts[call] > o.session.Missed()) {
				t.Errorf("%s: %s was counted %d times, want %d", op, call, counts[call], n)
			}
		}
		// What has the number of getppid of the 32-bit interface.
		if of := counts["sys_enter_semget"] + counts["sys_exit_semget"]; of != 0 && runtime.GOARCH == "amd64" {
			t.Errorf("%s: calls of 32-bit programs are taken for %d others", op, of)
		}
	}
	if c := o.settled("begun"); c.Points < 2*n {
		t.Errorf("counts %+v", c)
	}
}
