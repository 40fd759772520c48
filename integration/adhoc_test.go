// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestOperationsOfTheCommandLineGiveSpansAndMetrics(t *testing.T) {
	const n = 23
	b := startBridge(t,
		"--operation", "sync=tracepoint:syscalls:sys_enter_fdatasync..tracepoint:syscalls:sys_exit_fdatasync",
		"--operation", "openat=rawtracepoint:sys_enter..rawtracepoint:sys_exit", "--min-duration", "0",
		"--count", "tracepoint:sched:sched_process_exec", "--count", "syncs=tracepoint:syscalls:sys_enter_*sync", "--export", "console",
		"--profile", "demo")
	if !strings.Contains(b.ready, "targets=0 sites=") {
		t.Errorf("ready line %q", b.ready)
	}
	file := t.TempDir()
	for range n {
		if out, err := exec.Command("sync", "--data", file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := exec.Command("sync", "--data", "/dev/null").Run(); err == nil {
		t.Error("a device without data was synchronised")
	}
	r := b.stop()
	r.mustClose(t)
	synced, failed := 0, 0
	for _, s := range r.spans {
		if s.Name != "sync" || s.Attrs["thread.name"] != "sync" {
			continue
		}
		if s.Status.Code == 2 && s.Attrs["error.type"] == "EINVAL" {
			failed++
		} else {
			synced++
		}
		if s.Resource["service.name"] != "linux" || s.Attrs["process.pid"] != s.Attrs["thread.id"] || s.Parent != "" || s.Kind != 1 {
			t.Errorf("span %+v", s)
		}
	}
	if synced != n || failed != 1 {
		t.Errorf("%d spans of %d calls, %d of 1 that failed\n%s", synced, n, failed, r.stderr)
	}
	if points := r.ledger["adhoc/sched_process_exec/tracepoint"]["points"]; points < n+1 {
		t.Errorf("%d executions, want at least %d", points, n+1)
	}
	// Printed live, by probe where a pattern stands for several.
	line := regexp.MustCompile(`(?m)^[0-9:]{8}  \+\d+ +(\d+) +tracepoint:syscalls:sys_enter_fdatasync$`)
	all := line.FindAllStringSubmatch(r.stdout, -1)
	if len(all) == 0 {
		t.Fatalf("no counts of fdatasync on the console:\n%s", r.stdout)
	}
	if last, _ := strconv.Atoi(all[len(all)-1][1]); last < n+1 {
		t.Errorf("%d calls of fdatasync counted, want at least %d", last, n+1)
	}
	metrics := string(r.metrics[len(r.metrics)-1])
	for _, want := range []string{`"spanbridge.operation.duration"`, `"spanbridge.events"`, `"spanbridge.probe"`, `"tracepoint:syscalls:sys_enter_fdatasync"`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s among the metrics", want)
		}
	}
}

func TestWhatTheKernelLacksIsSaid(t *testing.T) {
	function := `the kernel has no function vfs_fsync_rang, did you mean "vfs_fsync_range"?`
	if _, err := os.Stat("/sys/bus/event_source/devices/kprobe"); err != nil {
		function = "the kernel has no kprobes (CONFIG_KPROBES)"
	}
	for _, test := range []struct{ name, count, want string }{
		{"a tracepoint", "tracepoint:sched:sched_proces_exec", `the kernel has no tracepoint sched:sched_proces_exec, did you mean "sched:sched_process_exec"?`},
		{"a raw tracepoint", "rawtracepoint:sched_swich", `the kernel has no raw tracepoint sched_swich, did you mean "sched_switch"?`},
		{"a function", "kprobe:vfs_fsync_rang", function},
		{"a pattern of nothing", "tracepoint:sched:x_*", "nothing in the kernel matches tracepoint:sched:x_*"},
		{"what every program passes", "tracepoint:exceptions:page_fault_kernel", "each fault would run one more"},
		{"a pattern of nothing else", "rawtracepoint:contention_*", "would wait for locks of the buffer of records"},
		{"a pattern of too much", "tracepoint:*:*", "more than 512: narrow it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := command(t, nil, "run", "--count", "hits="+test.count, "--export", "none")
			if code != 3 || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d:\n%s", code, stderr)
			}
		})
	}
}

func TestTheHostsOperationsCanBeLimitedToAContainer(t *testing.T) {
	const id = "5a1c0ffee0123456789abcdef0123456789abcdef0123456789abcdef0123456"
	group := makeGroup(t, "unified/system.slice/docker-"+id+".scope")
	// It syncs for each line of its input.
	sync := func(inside bool) (line func(), end func()) {
		script := "while read x; do sync --data /tmp; echo; done"
		if inside {
			script = "echo $$ >" + group + "/cgroup.procs; " + script
		}
		cmd := exec.Command("bash", "-c", "echo; "+script)
		in, _ := cmd.StdinPipe()
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		lines.ReadString('\n')
		return func() {
				io.WriteString(in, "\n")
				lines.ReadString('\n')
			}, func() {
				in.Close()
				cmd.Wait()
			}
	}
	inside, endInside := sync(true)
	outside, endOutside := sync(false)
	defer endOutside()
	defer endInside()
	b := startBridge(t, "--container", id[:12], "--operation", "fork=tracepoint:syscalls:sys_enter_clone..tracepoint:syscalls:sys_exit_clone")
	for range 5 {
		inside()
		outside()
	}
	r := b.stop()
	r.mustClose(t)
	if got := r.ledger["adhoc/fork/tracepoint"]["paired"]; got != 5 {
		t.Errorf("%d operations of 5 in the container\n%s", got, r.stderr)
	}
}

// Of what matches a pattern all is counted but what every program passes.
func TestPatternsLeaveOutWhatProgramsThemselvesPass(t *testing.T) {
	b := startBridge(t, "--count", "faults=tracepoint:exceptions:page_fault_*", "--export", "none")
	exec.Command("true").Run()
	r := b.stop()
	r.mustClose(t)
	if !strings.Contains(r.stderr, "tracepoint:exceptions:page_fault_kernel: programs at probes read memory") ||
		!strings.Contains(b.ready, "sites=1") || r.ledger["adhoc/faults/tracepoint"]["points"] == 0 {
		t.Errorf("ready line %q\n%s", b.ready, r.stderr)
	}
}

// The names are those that fields of a profile begin with.
func TestProbesOfTheKernelAreListedWithTheirFields(t *testing.T) {
	for _, test := range []struct {
		address string
		code    int
		want    []string // lines
	}{
		{"tracepoint:sched:sched_process_ex*", 0, []string{
			`tracepoint:sched:sched_process_exec`, `  filename +(__data_loc )?char\[\]`, `  pid +pid_t`, `tracepoint:sched:sched_process_exit`, `2 probes`}},
		{"rawtracepoint:block_rq_complete", 0, []string{`rawtracepoint:block_rq_complete`, `  rq +struct request \*`, `  nr_bytes +unsigned int`, `1 probes`}},
		{"kprobe:vfs_fsync*", 0, []string{`kprobe:vfs_fsync_range`, `  file +struct file \*`, `  end +loff_t`}},
		{"fexit:vfs_fsync_range", 0, []string{`  datasync +int`, `  returned: int`}},
		{"tracepoint:exceptions:page_fault_kernel", 0, []string{`  is not attached: programs at probes read memory that may not be there.*`, `  address +unsigned long`}},
		{"tracepoint:sched:nothing*", 3, []string{`spanbridge: nothing in the kernel matches tracepoint:sched:nothing\*`}},
		{"rawtracepoint:sched_swich", 3, []string{`spanbridge: the kernel has no raw tracepoint sched_swich, did you mean "sched_switch"\?`}},
		{"kprob:vfs_read", 2, []string{`spanbridge: parse probe address "kprob:vfs_read": unknown kind "kprob".*`}},
	} {
		t.Run(test.address, func(t *testing.T) {
			code, stdout, stderr := command(t, nil, "probes", "list", test.address)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, line := range test.want {
				if !regexp.MustCompile("(?m)^" + line + "$").MatchString(stdout + stderr) {
					t.Errorf("no line %s in\n%s%s", line, stdout, stderr)
				}
			}
		})
	}
	code, stdout, _ := command(t, nil, "probes", "list", "--json", "rawtracepoint:sched_switch")
	if code != 0 || !strings.Contains(stdout, `"probe": "rawtracepoint:sched_switch"`) || !strings.Contains(stdout, `"type": "struct task_struct *"`) {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
}
