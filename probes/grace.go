// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waitAhead goes through a wait of the kernel's while there is something else to
// wait for: a probe in a program is placed under a lock (dup_mmap_sem,
// kernel/events/uprobes.c) for which the first one waits until all processors have
// passed a point, 10 to 20 ms, and those soon after it do not (rcu_sync_enter,
// kernel/rcu/sync.c). So it places probes in an empty file that nobody runs, until
// the function that it returns is called. What does not work costs that time only.
// To remove one takes the kernel 80 ms (Linux 6.18), in the background too.
func waitAhead(background *sync.WaitGroup) (enough func()) {
	const (
		again = 8 * time.Millisecond // less than until the lock has a wait again
		most  = 10                   // whatever a start takes
	)
	done := make(chan struct{})
	background.Go(func() {
		var events []int
		next := time.NewTicker(again)
		for waiting := true; waiting && len(events) < most; {
			event, err := probeNothing()
			if err != nil {
				break
			}
			events = append(events, event)
			select {
			case <-next.C:
			case <-done:
				waiting = false
			}
		}
		next.Stop()
		<-done
		for _, event := range events {
			unix.Close(event) // which waits too
		}
	})
	return sync.OnceFunc(func() { close(done) })
}

// probeNothing places a probe in an empty file by a perf event (perf_event_open(2))
// and returns the event's descriptor.
func probeNothing() (event int, err error) {
	text, err := readUpTo("/sys/bus/event_source/devices/uprobe/type", 32)
	if err != nil {
		return 0, err
	}
	kind, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return 0, err
	}
	file, err := unix.MemfdCreate("spanbridge-nothing", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, err
	}
	defer unix.Close(file)
	path, err := unix.BytePtrFromString(fmt.Sprintf("/proc/self/fd/%d", file))
	if err != nil {
		return 0, err
	}
	event, err = unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: uint32(kind), Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Ext1: uint64(uintptr(unsafe.Pointer(path))),
	}, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	runtime.KeepAlive(path)
	return event, err
}
