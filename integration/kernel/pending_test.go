// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// pendingProfile has operations that stay open: one of a thread, from its getsid to its
// getpgid, and one of a file, from its fsync to its fdatasync.
const pendingProfile = `
profile: pending
operations:
  left:
    metric: left.duration
    attributes: {number: number, command: command}
    tiers:
      - tier: kernel
        start:
          probe: ["kprobe:__x64_sys_getsid", "tracepoint:syscalls:sys_enter_getsid"]
          capture:
            number: {task: pid, type: u32}
            command: {task: comm, type: string, max: 16}
        done: {probe: ["kprobe:__x64_sys_getpgid", "tracepoint:syscalls:sys_enter_getpgid"]}
  file:
    metric: file.duration
    attributes: {file: file}
    tiers:
      - tier: kernel
        start:
          probe: tracepoint:syscalls:sys_enter_fsync
          key: [fd]
          capture: {file: {field: fd, type: u32}}
        done:
          probe: tracepoint:syscalls:sys_enter_fdatasync
          key: [fd]
`

// observePending observes the host: what others do there is in the counts.
func observePending(t *testing.T, cfg probes.Config) *observer {
	t.Helper()
	o := observeHost(t, pendingProfile, cfg)
	for _, op := range []string{"left", "file"} {
		if reason := o.unseen(op); reason != "" {
			t.Fatalf("%s: %s", op, reason)
		}
	}
	return o
}

// unfinished returns those records of an operation, and checks that they are as many as were counted.
func (o *observer) unfinished(all []record, name string) (unfinished []record) {
	o.t.Helper()
	for _, r := range all {
		if r.op == name && r.Flags&bridge.FlagUnfinished != 0 {
			unfinished = append(unfinished, r)
		}
	}
	if c := o.counts(name); c.Unfinished != uint64(len(unfinished)) || c.RingFull != 0 {
		o.t.Errorf("%d records of %s, counts %+v", len(unfinished), name, c)
	}
	return unfinished
}

// onlyEnded checks that metrics have what has ended, and nothing else.
func (o *observer) onlyEnded(name string) {
	o.t.Helper()
	var n uint64
	for _, h := range o.histograms(name) {
		n += h.Count
	}
	if c := o.counts(name); c.Paired != n {
		o.t.Errorf("%d durations of %s, counts %+v", n, name, c)
	}
}

// leave has a thread begin what it does not end. The thread ends with the function that
// is returned.
func leave() (tid int, end func()) {
	begun, wanted, ended := make(chan int), make(chan struct{}), make(chan struct{})
	var thread func()
	thread = func() {
		runtime.LockOSThread() // and the thread ends with the goroutine, but the first one
		if unix.Gettid() == os.Getpid() {
			go thread()
			<-wanted
			runtime.UnlockOSThread()
			return
		}
		defer close(ended)
		unix.Getsid(0)
		begun <- unix.Gettid()
		<-wanted
	}
	go thread()
	return <-begun, func() {
		close(wanted)
		<-ended
	}
}

const noFile = 1 << 20 // no descriptor has this number

func TestKernelTellsWhatIsOpenAtItsOwnProbes(t *testing.T) {
	o := observePending(t, probes.Config{})
	tid, end := leave()
	unix.Fsync(noFile)
	time.Sleep(30 * time.Millisecond)
	told := make(map[string]bridge.Record)
	look := func(age time.Duration) {
		t.Helper()
		clear(told)
		if err := o.session.Open(age, func(r *bridge.Record) {
			if int(r.TGID) == os.Getpid() {
				told[o.session.Operation(r.Op).Name] = *r
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if look(time.Minute); len(told) != 0 {
		t.Errorf("open for a minute: %+v", told)
	}
	if look(0); len(told) != 2 || int(told["left"].TID) != tid {
		t.Fatalf("open: %+v", told)
	}
	all := o.drained()
	for name, before := range told {
		var own []record
		for _, r := range o.unfinished(all, name) {
			if int(r.TGID) == os.Getpid() {
				own = append(own, r)
			}
		}
		if len(own) != 1 {
			t.Fatalf("%d records of %s: %+v", len(own), name, own)
		}
		r := own[0]
		if r.Flags != bridge.FlagUnfinished || r.Seq != before.Seq || r.StartNs != before.StartNs || r.EndNs <= before.EndNs || r.TID != before.TID {
			t.Errorf("%+v, told before as %+v", r, before)
		}
		if d := time.Duration(r.EndNs - r.StartNs); d < 30*time.Millisecond || d > time.Minute {
			t.Errorf("%s was open for %v", name, d)
		}
		if name == "left" && (r.values["number"] != int64(tid) || r.texts["command"] == "") || name == "file" && r.values["file"] != noFile {
			t.Errorf("%s: %v %q", name, r.values, r.texts)
		}
		if c := o.counts(name); c.Open == 0 {
			t.Errorf("counts %+v", c)
		}
		o.onlyEnded(name)
	}
	before := o.counts("left")
	end()
	eventually(t, "the thread has ended", func() bool { return o.counts("left").Abandoned > before.Abandoned })
	if c := o.counts("left"); c.Open >= before.Open || c.Unfinished != before.Unfinished {
		t.Errorf("counts %+v, before the end of the thread %+v", c, before)
	}
}

func TestKernelTellsWhatEndsWithItsThreadAtItsOwnProbes(t *testing.T) {
	// Whoever asked for long ones, and for none at all, wants to know of these.
	o := observePending(t, probes.Config{MinDuration: time.Hour, Sample: 1e-9})
	tid, end := leave()
	end()
	eventually(t, "the thread has ended", func() bool { return o.counts("left").Abandoned > 0 })
	var own []record
	for _, r := range o.unfinished(o.drained(), "left") {
		if int(r.TID) == tid {
			own = append(own, r)
		}
	}
	if len(own) != 1 {
		t.Fatalf("%d records: %+v", len(own), own)
	}
	if r := own[0]; r.Flags != bridge.FlagUnfinished|bridge.FlagFailed || r.values["number"] != int64(tid) || r.EndNs <= r.StartNs {
		t.Errorf("%+v of thread %d", r, tid)
	}
	o.onlyEnded("left")
}

// TestKernelTellsOnceWhatIsOpenAsItsThreadEnds has threads end, and others finish what
// they began, while the session ends: of each there is one record.
func TestKernelTellsOnceWhatIsOpenAsItsThreadEnds(t *testing.T) {
	const threads = 240
	o := observePending(t, probes.Config{})
	begun, wanted, records := make(chan int), make(chan struct{}), make(map[uint32]int)
	var ended sync.WaitGroup
	for i := range threads {
		ended.Go(func() {
			runtime.LockOSThread()
			unix.Getsid(0)
			begun <- unix.Gettid()
			<-wanted
			if i%4 == 0 {
				unix.Getpgid(0)
			}
		})
	}
	for range threads {
		records[uint32(<-begun)] = 0
	}
	time.AfterFunc(time.Millisecond, func() { close(wanted) })
	all := o.drained()
	ended.Wait()
	for _, r := range all {
		if _, ours := records[r.TID]; ours && r.op == "left" {
			records[r.TID]++
		}
	}
	if o.eachOnce(records) {
		o.unfinished(all, "left")
		o.onlyEnded("left")
	}
}

// A call that waits is told with what the kernel reads at its end only.
func TestKernelTellsWhichFileAnOpenWaitsFor(t *testing.T) {
	path := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	o := observeHost(t, string(catalog.Find("linux-files").Source), probes.Config{})
	opened := make(chan int)
	go func() {
		fd, _ := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0) // until somebody writes
		opened <- fd
	}()
	told := ""
	eventually(t, "the open is told", func() bool {
		if err := o.session.Open(0, func(r *bridge.Record) {
			if op := o.session.Operation(r.Op); op.Name == "open" {
				told = string(r.Strings[op.Field("path").Slot])
			}
		}); err != nil {
			t.Fatal(err)
		}
		return told == path
	})
	var left []string
	for _, r := range o.drained() {
		if r.op == "open" && r.Flags&bridge.FlagUnfinished != 0 && int(r.TGID) == os.Getpid() {
			left = append(left, r.texts["path"])
		}
	}
	if len(left) != 1 || left[0] != path {
		t.Errorf("open at the end: %q", left)
	}
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Close(fd)
	syscall.Close(<-opened)
}
