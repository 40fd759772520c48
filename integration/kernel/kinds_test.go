// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"errors"
	"math"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// observeHost attaches a profile that is about the host.
func observeHost(t *testing.T, profile string, cfg probes.Config) *observer {
	t.Helper()
	p, err := catalog.Parse("host.yaml", []byte(profile))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Profiles, cfg.Logf, cfg.Detail = []*catalog.Profile{p}, t.Logf, catalog.DetailStages
	s, err := probes.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &observer{t: t, session: s}
}

// unseen returns why an operation of the host is not seen, "" if it is.
func (o *observer) unseen(name string) string {
	for _, h := range o.session.Report().Hosts {
		for _, op := range h.Unseen {
			if op.Name == name {
				return op.Misses[0].Reason
			}
		}
	}
	return ""
}

// settled detaches all probes and returns the counts of an operation: what other
// processes of the host do is in between until then.
func (o *observer) settled(name string) bridge.OpCounts {
	o.t.Helper()
	if err := o.session.Drain(); err != nil {
		o.t.Fatal(err)
	}
	return o.counts(name)
}

// sofar returns the counts of an operation, which other processes may change.
func (o *observer) sofar(name string) bridge.OpCounts {
	o.t.Helper()
	all, err := o.session.Counts()
	if err != nil {
		o.t.Fatal(err)
	}
	for i := range all {
		if o.session.Operation(all[i].Op).Name == name {
			return all[i]
		}
	}
	o.t.Fatalf("no operation %s", name)
	return bridge.OpCounts{}
}

// own returns the records of this process.
func (o *observer) own(name string) (all []record) {
	for _, r := range o.records() {
		if r.op == name && int(r.TGID) == os.Getpid() {
			all = append(all, r)
		}
	}
	return all
}

// kinds of probes in the kernel that it may lack.
const (
	withKprobes = "kprobe"
	withTracing = "fentry"
)

// refusals are what is said where the kernel lacks them.
var refusals = map[string]string{
	withKprobes: "the kernel has no kprobes (CONFIG_KPROBES)",
	withTracing: "the kernel does not permit fentry programs",
}

// grants reports whether the kernel runs programs at a kind of probe, found out
// without the code under test.
func grants(t *testing.T, kind string) bool {
	t.Helper()
	if kind == withKprobes {
		_, err := os.Stat("/sys/bus/event_source/devices/kprobe")
		return err == nil
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "vfs_fsync_range", License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if errors.Is(err, os.ErrPermission) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.Close() == nil
}

const fsyncProfile = `
profile: fsyncs
operations:
  fsync:
    metric: fsync.duration
    by: device
    attributes: {inode: inode, datasync: datasync, result: result}
    tiers:
      - tier: kernel
        start:
          probe: START
          capture:
            inode: {field: file.f_inode.i_ino, type: u64}
            device: {field: file.f_inode.i_sb.s_dev, type: u32}
            name: {field: file.f_path.dentry.d_name.name, type: string}
            end: {arg: 2, type: i64}
            datasync: {field: datasync, type: i32}
            command: {task: comm, type: string, max: 16}
        done:
          probe: DONE
          capture:
            result: {returned: true, type: i32}
`

// syncs calls fsync(2) n times and fdatasync(2) m times, and returns the file. It is
// one in memory: the kernel reaches its noop_fsync through a pointer, so that no
// compiler puts it into its callers. In vfs_fsync_range of Linux 7 no fsync(2) arrives.
func syncs(t *testing.T, n, m int) *syscall.Stat_t {
	t.Helper()
	fd, err := unix.MemfdCreate("synced", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "synced")
	defer f.Close()
	for range n {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	for range m {
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			t.Fatal(err)
		}
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

func TestKernelSeesEveryFsyncAtFunctions(t *testing.T) {
	const n = 23
	tests := []struct {
		name, start, done string
		needs             string
	}{
		{"kprobe and kretprobe", "kprobe:noop_fsync", "kretprobe:noop_fsync", withKprobes},
		{"fentry and fexit", "fentry:noop_fsync", "fexit:noop_fsync", withTracing},
		{"the first that there is", "[fentry:no_such_fsync, kprobe:noop_fsync]", "[fexit:no_such_fsync, kretprobe:noop_fsync]", withKprobes},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := observeHost(t, strings.NewReplacer("START", test.start, "DONE", test.done).Replace(fsyncProfile), probes.Config{})
			reason := o.unseen("fsync")
			if !grants(t, test.needs) {
				if !strings.Contains(reason, refusals[test.needs]) {
					t.Errorf("the kernel does not grant %s probes, and the reason given is %q", test.needs, reason)
				}
				return
			}
			if reason != "" {
				t.Fatal(reason)
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			file := syncs(t, n, 0)
			all := o.own("fsync")
			if len(all) != n {
				t.Fatalf("%d records of %d calls", len(all), n)
			}
			for i, r := range all {
				if r.values["inode"] != int64(file.Ino) || r.values["end"] != math.MaxInt64 || r.values["datasync"] != 0 || r.values["result"] != 0 ||
					r.texts["name"] != "memfd:synced" || r.texts["command"] == "" || r.Flags != 0 {
					t.Errorf("call %d: %v %v flags %#x, want inode %d", i, r.values, r.texts, r.Flags, file.Ino)
				}
				if int(r.TID) != syscall.Gettid() || r.EndNs < r.StartNs || r.StartNs == 0 {
					t.Errorf("call %d: thread %d from %d to %d", i, r.TID, r.StartNs, r.EndNs)
				}
			}
			if c := o.settled("fsync"); c.Paired < n || c.Submitted < n {
				t.Errorf("counts %+v", c)
			}
		})
	}
}

const syscallProfile = `
profile: syscalls
operations:
  fsync:
    attributes: {fd: fd}
    tiers:
      - tier: tracepoint
        start:
          probe: "tracepoint:syscalls:sys_enter_fsync"
          capture: {fd: {field: fd, type: u32}}
        done:
          probe: "tracepoint:syscalls:sys_exit_fsync"
          capture: {error: {field: ret, type: i64, errno: true}}
  datasync:
    attributes: {number: number}
    tiers:
      - tier: raw
        start:
          probe: rawtracepoint:sys_enter
          when: {field: id, type: u32, in: [75]}
          capture: {number: {field: id, type: u32}}
        done:
          probe: rawtracepoint:sys_exit
          capture: {error: {field: ret, type: i64, errno: true}}
  both:
    counter: syncs
    tiers:
      - tier: tracepoint
        point: {probe: "tracepoint:syscalls:sys_enter_f*sync"}
`

func TestKernelSeesEveryFsyncAtTracepoints(t *testing.T) {
	o := observeHost(t, syscallProfile, probes.Config{})
	for _, op := range []string{"fsync", "datasync", "both"} {
		if reason := o.unseen(op); reason != "" {
			t.Fatalf("%s: %s", op, reason)
		}
	}
	before := o.sofar("both").Points
	syncs(t, 12, 11)
	if err := syscall.Fsync(-1); err != syscall.EBADF {
		t.Fatal(err)
	}
	points := o.sofar("both").Points - before
	var fsyncs, datasyncs []record
	for _, r := range o.records() {
		switch {
		case int(r.TGID) != os.Getpid():
		case r.op == "fsync":
			fsyncs = append(fsyncs, r)
		case r.op == "datasync":
			datasyncs = append(datasyncs, r)
		}
	}
	if len(fsyncs) != 13 || len(datasyncs) != 11 || points < 24 {
		t.Fatalf("%d of 13, %d of 11, %d of 24 or more", len(fsyncs), len(datasyncs), points)
	}
	failed := fsyncs[12]
	if failed.values["error"] != int64(syscall.EBADF) || failed.Flags != bridge.FlagFailed || failed.values["fd"] != 1<<32-1 {
		t.Errorf("the call that failed: %v flags %#x", failed.values, failed.Flags)
	}
	for _, r := range datasyncs {
		if r.values["number"] != syscall.SYS_FDATASYNC || r.Flags != 0 {
			t.Errorf("%v flags %#x", r.values, r.Flags)
		}
	}
	if c := o.settled("datasync"); c.NoStart != 0 || c.Unwanted == 0 {
		t.Errorf("ends of what was not to be opened: %+v", c)
	}
}
