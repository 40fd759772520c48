// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/tracefs"
)

// kernel70 is the first Linux on which a program at a raw tracepoint may be preempted, and
// what other threads hit meanwhile is missed. At events it is not.
const kernel70 = 7 << 16

// rawLink is a link to a raw tracepoint.
type rawLink int

func (l rawLink) Close() error { return unix.Close(int(l)) }

// hangRaw attaches the shared program to a tracepoint without the record that the kernel
// would make for a perf event, and without a wait at the end. Needs Linux 6.10, where raw
// tracepoints have cookies; the error is os.ErrNotExist where this one has no such name.
func (k *kernelPrograms) hangRaw(point *kernelPoint, index uint32) (io.Closer, error) {
	if ofUsers(point.event) {
		return nil, fmt.Errorf("raw tracepoint of %s: %w", point.address, os.ErrNotExist)
	}
	p, err := k.program(bpf.ActionPoint, bpf.Hook{Type: ebpf.RawTracepoint})
	if err != nil {
		return nil, err
	}
	name, err := unix.BytePtrFromString(point.address.Name)
	if err != nil {
		return nil, err
	}
	// union bpf_attr for BPF_RAW_TRACEPOINT_OPEN, include/uapi/linux/bpf.h.
	attr := struct {
		name       *byte
		program, _ uint32
		cookie     uint64
	}{name: name, program: uint32(p.FD()), cookie: uint64(index)}
	const rawTracepointOpen = 17 // BPF_RAW_TRACEPOINT_OPEN
	fd, _, errno := unix.Syscall(unix.SYS_BPF, rawTracepointOpen, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return nil, fmt.Errorf("open the raw tracepoint: %w", syscall.Errno(errno))
	}
	return rawLink(fd), nil
}

// ofUsers reports whether a user has made the event: it may have the name of a
// tracepoint of the kernel's, and is none (Documentation/trace/kprobetrace.rst, events.rst).
func ofUsers(e *tracefs.Event) bool {
	return e.Category == "synthetic" || e.Category == "eprobes" ||
		slices.ContainsFunc(e.Fields, func(f tracefs.Field) bool { return strings.HasPrefix(f.Name, "__probe_") })
}
