// SPDX-License-Identifier: Apache-2.0

// Command guest is the first process of a small virtual machine: it mounts what
// the eBPF programs need, runs the tests that lie beside it and powers off. It
// holds no code that the product uses.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// mounts are what the tests and the kernel side read: processes, the kernel's
// types, and uprobes of kernels that have no uprobe_multi links.
var mounts = []struct{ fs, dir string }{
	{"proc", "/proc"},
	{"sysfs", "/sys"},
	{"tracefs", "/sys/kernel/tracing"},
	{"bpf", "/sys/fs/bpf"},
	{"devtmpfs", "/dev"},
	{"tmpfs", "/tmp"},
}

func main() {
	err := run()
	if err != nil {
		fmt.Println("guest:", err)
	}
	var exit *exec.ExitError
	status := 0
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		status = 125
	}
	// On a line of its own: the host looks for it.
	fmt.Printf("\nguest: status %d\n", status)
	syscall.Sync()
	syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}

func run() error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return fmt.Errorf("make the mount point %s: %w", m.dir, err)
		}
		if err := syscall.Mount(m.fs, m.dir, m.fs, 0, ""); err != nil && !errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	args, err := os.ReadFile("/arguments")
	if err != nil {
		return fmt.Errorf("read the tests' arguments: %w", err)
	}
	cmd := exec.Command("/tests", strings.Fields(string(args))...)
	cmd.Env = append(os.Environ(), "SPANBRIDGE_FIXTURES=/fixtures", "TMPDIR=/tmp")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run the tests: %w", err)
	}
	return nil
}
