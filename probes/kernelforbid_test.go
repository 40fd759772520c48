// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

func TestNoProgramIsAttachedWhereProgramsThemselvesPass(t *testing.T) {
	for address, reason := range map[string]string{
		"tracepoint:exceptions:page_fault_kernel":      "each fault would run one more",
		"rawtracepoint:page_fault_kernel":              "each fault would run one more",
		"tracepoint:exceptions:page_fault_user":        "",
		"tracepoint:preemptirq:irq_disable":            "every program that runs passes it",
		"tracepoint:lock:contention_end":               "would wait for locks",
		"rawtracepoint:contention_begin":               "would wait for locks",
		"kretprobe:_raw_spin_lock_irqsave":             "would wait for locks",
		"kprobe:_raw_spin_unlock_irqrestore":           "would wait for locks",
		"fentry:native_queued_spin_lock_slowpath":      "would wait for locks",
		"fexit:migrate_disable":                        "every program that runs passes it",
		"kprobe:do_sys_openat2":                        "",
		"tracepoint:sched:sched_switch":                "",
		"tracepoint:syscalls:sys_enter_rt_sigprocmask": "",
	} {
		a, err := catalog.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := forbidden(a); (got == "") != (reason == "") || !strings.Contains(got, reason) {
			t.Errorf("%s: %q, want %q", address, got, reason)
		}
	}
}
