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
	"path/filepath"
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
	status := 0
	if err != nil {
		status = 1
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
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return fmt.Errorf("read the kernel's version: %w", err)
	}
	fmt.Printf("\nguest: Linux %s", release) // the firmware ends no line
	if err := startLoopback(); err != nil {
		return err
	}
	return runSuites("/suites")
}

// runSuites runs all compiled tests below a folder, each in its own, with the
// arguments that lie beside it, one a line.
func runSuites(root string) error {
	environment, err := os.ReadFile("/environment")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the environment: %w", err)
	}
	env := append(os.Environ(), "SPANBRIDGE_FIXTURES=/fixtures", "SPANBRIDGE_PROGRAM=/spanbridge",
		"TMPDIR=/tmp", "PATH=/usr/bin:/bin")
	env = append(env, strings.Fields(string(environment))...)
	var failed []error
	err = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() != "tests" {
			return err
		}
		dir := filepath.Dir(path)
		args, err := os.ReadFile(filepath.Join(dir, "arguments"))
		if err != nil {
			return fmt.Errorf("read the tests' arguments: %w", err)
		}
		cmd := exec.Command(path, strings.Split(strings.TrimSpace(string(args)), "\n")...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, os.Stdout, os.Stdout
		if err := cmd.Run(); err != nil {
			failed = append(failed, fmt.Errorf("run %s: %w", path, err))
		}
		return nil
	})
	return errors.Join(append(failed, err)...)
}
