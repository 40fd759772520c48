// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

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

// To remove a tracepoint takes the kernel some 40 ms, so that not each call has one.
func TestKernelCountsManySystemCallsByTheirNumbers(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	before := perfEvents(t)
	o := observeHost(t, callsProfile, probes.Config{Targets: []probes.Target{{PID: f.cmd.Process.Pid}}})
	if n := perfEvents(t) - before; n > 50 {
		t.Errorf("%d tracepoints are attached one by one", n)
	}
	const n = 23
	// The tracepoints of uname have another name, and are attached by themselves.
	f.do("ask 1 23", "uname 23", "call32 23")
	for op, want := range map[string]string{
		"begun": "sys_enter_getsid sys_enter_newuname", "returned": "sys_exit_getsid sys_exit_newuname", "again": "sys_enter_getsid",
	} {
		counts := make(map[string]uint64)
		for _, p := range o.histograms(op) {
			counts[strings.TrimPrefix(p.Namespace, "tracepoint:syscalls:")] = p.Count
		}
		for _, call := range strings.Fields(want) {
			if counts[call] != n {
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
