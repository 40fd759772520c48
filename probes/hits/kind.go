// SPDX-License-Identifier: Apache-2.0

package hits

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// function is one of this program's own, made to be probed.
type function struct {
	name, what string
	address    uintptr
	returns    bool // probed at the return
}

// kind is a kind of probe, with what hits it.
type kind struct {
	name, what string
	attach     func() (io.Closer, error) // nil: it is measured as it is
	run        func(times int)
	own        bool // run is of this program's own functions
}

// kinds are all that this architecture has, in the order of the report.
func (h host) kinds() []kind {
	var all []kind
	for _, f := range functions() {
		k := kind{name: "uprobe/" + f.name, what: f.what, own: true, run: func(times int) { repeat(f.address, times) }}
		switch {
		case f.name == "nop":
			k.name = "usdt"
		case f.returns:
			k.name = "uretprobe"
		}
		k.attach = func() (io.Closer, error) { return h.function(f) }
		all = append(all, k)
	}
	return append(all,
		kind{name: "syscall", what: "getppid, with nothing attached", run: systemCalls},
		kind{name: "raw_tracepoint", what: "sys_enter, at every system call", attach: h.raw, run: systemCalls},
		kind{name: "tp_btf", what: "sys_enter, with the kernel's types", attach: h.typed(ebpf.AttachTraceRawTp, "sys_enter"), run: systemCalls},
		kind{name: "fentry", what: "entry of the kernel's getppid", attach: h.typed(ebpf.AttachTraceFEntry, getppid()), run: systemCalls},
		kind{name: "fexit", what: "return of the kernel's getppid", attach: h.typed(ebpf.AttachTraceFExit, getppid()), run: systemCalls},
		kind{name: "kprobe", what: "entry of the kernel's getppid", attach: h.kprobe(link.Kprobe), run: systemCalls},
		kind{name: "kretprobe", what: "return of the kernel's getppid", attach: h.kprobe(link.Kretprobe), run: systemCalls},
	)
}

// systemCalls makes some that do nothing to speak of.
func systemCalls(times int) {
	for range times {
		unix.Getppid()
	}
}

// getppid is the kernel's function for the system call.
func getppid() string {
	switch runtime.GOARCH {
	case "arm64":
		return "__arm64_sys_getppid"
	default:
		return "__x64_sys_getppid"
	}
}

// Empty is a program that does nothing.
func Empty() asm.Instructions { return asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()} }

// attached is a program and where it is attached.
type attached struct {
	link    link.Link
	program *ebpf.Program
}

func (a attached) Close() error { return errors.Join(a.link.Close(), a.program.Close()) }

// host attaches one program to probes of every kind.
type host struct{ instructions asm.Instructions }

func (h host) attach(spec ebpf.ProgramSpec, to func(*ebpf.Program) (link.Link, error)) (io.Closer, error) {
	spec.Instructions, spec.License = h.instructions, "Dual BSD/GPL"
	program, err := ebpf.NewProgram(&spec)
	if err != nil {
		return nil, err
	}
	l, err := to(program)
	if err != nil {
		return nil, errors.Join(err, program.Close())
	}
	return attached{l, program}, nil
}

const sleepable = 1 << 4 // BPF_F_SLEEPABLE

// function attaches to a function as spanbridge attaches its own programs: by
// a link for many sites, with a program that may sleep; before Linux 6.6 by a
// link for each.
func (h host) function(f function) (io.Closer, error) {
	offset, err := offsetInFile(f.address)
	if err != nil {
		return nil, err
	}
	executable, err := link.OpenExecutable("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	many, one := executable.UprobeMulti, executable.Uprobe
	if f.returns {
		many, one = executable.UretprobeMulti, executable.Uretprobe
	}
	spec := ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti, Flags: sleepable}
	closer, err := h.attach(spec, func(p *ebpf.Program) (link.Link, error) {
		return many(nil, p, &link.UprobeMultiOptions{Addresses: []uint64{offset}})
	})
	if err == nil {
		return closer, nil
	}
	singly, other := h.attach(ebpf.ProgramSpec{Type: ebpf.Kprobe, Flags: sleepable}, func(p *ebpf.Program) (link.Link, error) {
		return one("", p, &link.UprobeOptions{Address: offset})
	})
	if other != nil {
		return nil, err
	}
	return singly, nil
}

// offsetInFile finds where in this program's file an address comes from, in
// proc_pid_maps(5).
func offsetInFile(address uintptr) (uint64, error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(maps)) {
		var from, to, offset uint64
		var permissions string
		if _, err := fmt.Sscanf(line, "%x-%x %s %x", &from, &to, &permissions, &offset); err != nil {
			return 0, fmt.Errorf("read /proc/self/maps: %w", err)
		}
		if from <= uint64(address) && uint64(address) < to {
			return uint64(address) - from + offset, nil
		}
	}
	return 0, fmt.Errorf("no file is mapped at %#x", address)
}

func (h host) raw() (io.Closer, error) {
	return h.attach(ebpf.ProgramSpec{Type: ebpf.RawTracepoint}, func(p *ebpf.Program) (link.Link, error) {
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sys_enter", Program: p})
	})
}

func (h host) typed(as ebpf.AttachType, to string) func() (io.Closer, error) {
	return func() (io.Closer, error) {
		spec := ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: as, AttachTo: to}
		return h.attach(spec, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachTracing(link.TracingOptions{Program: p})
		})
	}
}

func (h host) kprobe(how func(string, *ebpf.Program, *link.KprobeOptions) (link.Link, error)) func() (io.Closer, error) {
	return func() (io.Closer, error) {
		if _, err := os.Stat("/sys/bus/event_source/devices/kprobe"); err != nil {
			return nil, ebpf.ErrNotSupported // the other way needs tracefs, and kprobes all the same
		}
		return h.attach(ebpf.ProgramSpec{Type: ebpf.Kprobe}, func(p *ebpf.Program) (link.Link, error) {
			return how(getppid(), p, nil)
		})
	}
}
