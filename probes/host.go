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

	"github.com/spanbridge/spanbridge/bpf"
)

// State is what a check came to.
type State string

// The states.
const (
	StateOK      State = "ok"
	StateLimited State = "limited" // it works, with what the check says
	StateMissing State = "missing" // nothing can be attached
	StateUnknown State = "unknown" // it cannot be told without the privileges
)

// Check is one thing that a host must have.
type Check struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"` // what to do, unless it is ok
}

// CheckHost looks whether this process can attach probes on this host. It loads
// the programs and frees them again; nothing is attached.
func CheckHost() []Check {
	single := errors.Is(features.HaveBPFLinkUprobeMulti(), ebpf.ErrNotSupported)
	status, err := readUpTo("/proc/self/status", maxStatus)
	privileges := Check{"privileges", StateUnknown, fmt.Sprint(err), "mount /proc"}
	if err == nil {
		privileges = checkPrivileges(capabilities(status), inFirstUserNamespace(), single)
	}
	code, _ := features.LinuxVersionCode()
	return []Check{
		privileges,
		checkKernel(code, release()),
		checkBTF(),
		checkFeature("ring buffer", "BPF_MAP_TYPE_RINGBUF", features.HaveMapType(ebpf.RingBuf)),
		checkFeature("task storage", "BPF_MAP_TYPE_TASK_STORAGE", features.HaveMapType(ebpf.TaskStorage)),
		checkFeature("sleepable uprobes", "bpf_copy_from_user in them", haveSleepableUprobes()),
		checkMulti(features.HaveBPFLinkUprobeMulti()),
		checkPrograms(single, privileges.State),
		checkKernelProbes(privileges.State),
		checkLockdown(readSetting("/sys/kernel/security/lockdown")),
		checkPtrace(readSetting("/proc/sys/kernel/yama/ptrace_scope")),
		checkPIDNamespace(),
	}
}

// kernel61 is the oldest Linux that is served, as a version code.
const kernel61 = 6<<16 | 1<<8

func checkKernel(code uint32, release string) Check {
	c := Check{Name: "kernel", State: StateOK, Detail: "Linux " + release}
	if code < kernel61 {
		c.State, c.Mend = StateMissing, "use Linux 6.1 or later"
	}
	return c
}

func release() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "of unknown version"
	}
	return unix.ByteSliceToString(name.Release[:])
}

const vmlinuxBTF = "/sys/kernel/btf/vmlinux"

func checkBTF() Check {
	if _, err := os.Stat(vmlinuxBTF); err != nil {
		return Check{"BTF", StateMissing, "there is no " + vmlinuxBTF, "use a kernel built with CONFIG_DEBUG_INFO_BTF; in a container mount /sys"}
	}
	return Check{Name: "BTF", State: StateOK, Detail: vmlinuxBTF}
}

// checkFeature judges what a probe of cilium/ebpf's package features returned.
func checkFeature(name, what string, err error) Check {
	switch {
	case err == nil:
		return Check{Name: name, State: StateOK, Detail: what}
	case errors.Is(err, os.ErrPermission):
		return Check{Name: name, State: StateUnknown, Detail: "cannot be told without the privileges"}
	case errors.Is(err, ebpf.ErrNotSupported):
		return Check{name, StateMissing, "the kernel has no " + what, "use Linux 6.1 or later"}
	}
	return Check{Name: name, State: StateUnknown, Detail: err.Error()}
}

func checkMulti(err error) Check {
	c := checkFeature("uprobe_multi", "one link for all sites of a file", err)
	if c.State == StateMissing {
		c.State, c.Detail = StateLimited, "single uprobes are used: attaching takes longer, and CAP_SYS_ADMIN"
		c.Mend = "use Linux 6.6 or later"
	}
	return c
}

// haveSleepableUprobes loads a program as those at the sites are: it may sleep,
// and reads memory of the process (Linux 6.0 for kprobe programs, which uprobes
// run: kernel/bpf/verifier.c, can_be_sleepable).
func haveSleepableUprobes() error {
	const sleepable = 1 << 4 // BPF_F_SLEEPABLE, include/uapi/linux/bpf.h
	program, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Type: ebpf.Kprobe, Flags: sleepable, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.RFP),
			asm.Add.Imm(asm.R1, -8),
			asm.Mov.Imm(asm.R2, 8),
			asm.Mov.Imm(asm.R3, 0),
			asm.FnCopyFromUser.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	}, ebpf.ProgramOptions{LogDisabled: true})
	if err == nil {
		return program.Close()
	}
	if errors.Is(err, unix.EINVAL) {
		return ebpf.ErrNotSupported
	}
	return err
}

// checkPrograms lets the kernel's verifier judge the programs themselves.
func checkPrograms(single bool, privileges State) Check {
	c := Check{Name: "programs", State: StateOK, Detail: "accepted by this kernel's verifier"}
	err := tryPrograms(single)
	switch {
	case err == nil:
	case errors.Is(err, ErrPrivilege), privileges != StateOK:
		c.State, c.Detail = StateUnknown, "cannot be told without the privileges"
	default:
		c.State, c.Detail = StateMissing, err.Error()
		c.Mend = "report it, with the version of the kernel"
	}
	return c
}

func tryPrograms(single bool) error {
	spec, err := bpf.Spec(bpf.Settings{TextHead: 4096, RingBytes: os.Getpagesize(), Sites: 1, Single: single})
	if err != nil {
		return err
	}
	var objects bpf.ProgramsObjects
	if err := bpf.Load(spec, bpf.KernelTypes(), &objects); err != nil {
		return explainLoad(err)
	}
	return objects.Close()
}

// readSetting reads a small file of the kernel, "" if there is none.
func readSetting(path string) string {
	text, _ := readUpTo(path, 256)
	return strings.TrimSpace(string(text))
}

// checkLockdown reads /sys/kernel/security/lockdown (kernel_lockdown(7)), where
// the level in force stands in brackets. Confidentiality keeps programs from
// reading kernel memory, which some of ours do.
func checkLockdown(levels string) Check {
	c := Check{Name: "lockdown", State: StateOK, Detail: "none"}
	_, level, _ := strings.Cut(levels, "[")
	if level, _, _ = strings.Cut(level, "]"); level != "" {
		c.Detail = level
	}
	if level == "confidentiality" {
		c.State, c.Mend = StateMissing, "boot with lockdown=integrity or lockdown=none"
	}
	return c
}

// checkPtrace reads kernel.yama.ptrace_scope: at 3 nobody may read the memory of
// another process (Documentation/admin-guide/LSM/Yama.rst), in which versions,
// switches and names of stages are.
func checkPtrace(scope string) Check {
	if scope == "3" {
		return Check{"memory of servers", StateLimited, "kernel.yama.ptrace_scope is 3: versions, switches and names of stages cannot be read",
			"boot with kernel.yama.ptrace_scope at 2 or less"}
	}
	return Check{Name: "memory of servers", State: StateOK, Detail: "can be read for versions and switches"}
}

// firstPIDNamespace is the inode of the host's pid namespace: PROC_PID_INIT_INO,
// include/linux/proc_ns.h.
const firstPIDNamespace = "pid:[4026531836]"

// checkPIDNamespace: the kernel side tells processes by their pids on the host.
func checkPIDNamespace() Check {
	own, err := os.Readlink("/proc/self/ns/pid")
	switch {
	case err != nil:
		return Check{Name: "pid namespace", State: StateUnknown, Detail: err.Error()}
	case own != firstPIDNamespace:
		return Check{"pid namespace", StateMissing, "this process is not in that of the host", "docker run --pid=host; Kubernetes: hostPID: true"}
	}
	return Check{Name: "pid namespace", State: StateOK, Detail: "that of the host"}
}
