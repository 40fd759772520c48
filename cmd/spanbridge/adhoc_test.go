// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestOperationsOfTheCommandLineAreProfiles(t *testing.T) {
	c := defaultConfig()
	c.Operations = []string{
		"fsync=kprobe:vfs_fsync_range..kretprobe:vfs_fsync_range",
		"block=rawtracepoint:block_rq_issue[rq]..rawtracepoint:block_rq_complete[rq]",
		"read=tracepoint:syscalls:sys_enter_read..tracepoint:syscalls:sys_exit_read",
		"query=usdt:/usr/sbin/mysqld:mysql:query__start..usdt:/usr/sbin/mysqld:mysql:query__done",
	}
	c.Counts = []string{"tracepoint:sched:sched_process_exec", "any=kprobe:vfs_*", "tracepoint:*:*"}
	all, err := c.profiles()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Name != "adhoc" || !all[0].OfHost() || all[1].Name != "adhoc-program" || all[1].OfHost() {
		t.Fatalf("%d profiles: %+v", len(all), all)
	}
	want := map[string]string{
		"fsync": "kprobe:vfs_fsync_range", "block": "rawtracepoint:block_rq_issue", "read": "tracepoint:syscalls:sys_enter_read",
		"sched_process_exec": "tracepoint:sched:sched_process_exec", "any": "kprobe:vfs_*", "events": "tracepoint:*:*",
	}
	for _, op := range all[0].Operations {
		probe := op.Tiers[0].Probes()[0]
		if want[op.Name] != probe.Addresses[0].String() {
			t.Errorf("%s begins at %s", op.Name, probe.Addresses[0])
		}
		delete(want, op.Name)
		if op.Name != "block" && op.Name != "any" && !op.Point() && op.Tiers[0].Done[0].Captures.Find("error") == nil {
			t.Errorf("%s captures no error", op.Name)
		}
		if keyed := op.Tiers[0].Keyed(); keyed != (op.Name == "block") {
			t.Errorf("%s is keyed: %v", op.Name, keyed)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if all[1].Match.Executables[0] != "mysqld" {
		t.Errorf("executables %v", all[1].Match.Executables)
	}
}

func TestOperationsOfTheCommandLineThatAreNone(t *testing.T) {
	for _, test := range []struct{ name, operation, count, want string }{
		{"no pair", "fsync=kprobe:vfs_fsync", "", `operations[0]: "fsync=kprobe:vfs_fsync": want NAME=START..DONE`},
		{"no name", "kprobe:a..kretprobe:a", "", "want NAME=START..DONE"},
		{"a bad name", "A b=kprobe:a..kretprobe:a", "", `"A b" is no name`},
		{"no address", "", "exec", "counts[0]: parse probe address"},
		{"a count with an end", "", "kprobe:a..kprobe:b", "a count has no end"},
		{"kernel and program", "x=kprobe:a..uprobe:/bin/x:f", "", "both in the kernel, or both in programs"},
		{"different keys", "x=rawtracepoint:a[rq]..rawtracepoint:b", "", "by the same number of fields"},
		{"a key at a return", "x=kprobe:a[f]..kretprobe:a[f]", "", "when a function returns its arguments are gone"},
		{"a library of nobody", "x=uprobe:libc.so*:read..uretprobe:libc.so*:read", "", "name processes with --target"},
	} {
		c := defaultConfig()
		if test.operation != "" {
			c.Operations = []string{test.operation}
		}
		if test.count != "" {
			c.Counts = []string{test.count}
		}
		_, err := c.profiles()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	c := defaultConfig()
	c.Counts = []string{"kprobe:vfs_read", "kretprobe:vfs_read"}
	if _, err := c.profiles(); err == nil || !strings.Contains(err.Error(), "counts[1]: the name vfs_read stands here twice") {
		t.Errorf("two of a name: %v", err)
	}
}
