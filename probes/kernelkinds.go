// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// kprobeEvents is there where the kernel has kprobes as perf events.
const kprobeEvents = "/sys/bus/event_source/devices/kprobe"

var errNoKprobes = errors.New("the kernel has no kprobes (CONFIG_KPROBES)")

// grants reports why the kernel runs no programs at probes of a kind; nil if it
// does. It is asked once for each kind.
func (k *kernel) grants(kind catalog.ProbeKind) error {
	if err, known := k.granted[kind]; known {
		return err
	}
	if k.granted == nil {
		k.granted = make(map[catalog.ProbeKind]error)
	}
	err := k.tryKind(kind)
	k.granted[kind] = err
	return err
}

func (k *kernel) tryKind(kind catalog.ProbeKind) error {
	switch kind {
	case catalog.Kprobe, catalog.Kretprobe:
		if _, err := os.Stat(kprobeEvents); err != nil && features.HaveBPFLinkKprobeMulti() != nil {
			return errNoKprobes
		}
		return nil
	case catalog.Fentry:
		return k.tryTracing(kind, ebpf.AttachTraceFEntry)
	case catalog.Fexit:
		return k.tryTracing(kind, ebpf.AttachTraceFExit)
	}
	return nil
}

// tryTracing has the kernel accept a program that does nothing at a function that
// every kernel has.
func (k *kernel) tryTracing(kind catalog.ProbeKind, attach ebpf.AttachType) error {
	if _, err := k.readTypes(); err != nil {
		return err
	}
	spec, err := k.cache.Kernel()
	if err != nil {
		return err
	}
	p, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: attach, AttachTo: "vfs_read", License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	}, ebpf.ProgramOptions{KernelTypes: spec, LogDisabled: true})
	if err != nil {
		return explainKernel(kind, err)
	}
	return p.Close()
}

// explainKernel says what the kernel's refusal means.
func explainKernel(kind catalog.ProbeKind, err error) error {
	switch {
	case errors.Is(err, errNoKprobes):
		return err
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the kernel does not permit %s programs (%w)", kind, os.ErrPermission)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ESRCH):
		return errors.New("the kernel lets nothing be attached to that function: it is inlined, or not to be traced")
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return errors.New("several functions of the kernel have that name")
	case errors.Is(err, unix.EINVAL):
		return errors.New("the kernel lets nothing be attached there (EINVAL): it is not to be probed")
	}
	return err
}

// checkKernelProbes says which kinds of probes in the kernel there are. None of
// the servers' profiles needs them all.
func checkKernelProbes(privileges State) Check {
	c := Check{Name: "probes in the kernel", State: StateOK}
	if privileges != StateOK {
		c.State, c.Detail = StateUnknown, "cannot be told without the privileges"
		return c
	}
	var k kernel
	defer k.close()
	var have, lack []string
	for _, kind := range []catalog.ProbeKind{catalog.Kprobe, catalog.Fentry, catalog.Fexit} {
		if err := k.grants(kind); err != nil {
			lack = append(lack, fmt.Sprintf("no %s: %v", kind, err))
			continue
		}
		have = append(have, string(kind))
		if kind == catalog.Kprobe {
			have = append(have, string(catalog.Kretprobe))
		}
	}
	have = append(have, string(catalog.RawTracepoint))
	switch fs, err := k.tracefs(); {
	case err != nil:
		lack = append(lack, fmt.Sprintf("no %s: %v", catalog.Tracepoint, err))
	case fs.Own():
		have = append(have, string(catalog.Tracepoint)+" (tracefs is mounted for spanbridge alone)")
	default:
		have = append(have, string(catalog.Tracepoint))
	}
	c.Detail = strings.Join(have, ", ")
	if len(lack) > 0 {
		c.State = StateLimited
		c.Detail += "; " + strings.Join(lack, "; ")
		c.Mend = "give alternatives in profiles: the first that the kernel grants is taken"
	}
	return c
}
