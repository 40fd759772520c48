// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Children lists the processes whose parent is pid, with an empty list if it has
// ended. It reads every process's stat, because /proc/PID/task/TID/children
// depends on how the kernel was configured (proc(5)).
func Children(pid int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil // the pattern is well-formed
	}
	var all []int
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		// The second field, the name, is in parentheses and may hold any character.
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil {
			all = append(all, child)
		}
	}
	return all
}

// WaitGone waits until none of those processes exists any more, at most for
// grace. They may be of any parent.
func WaitGone(pids []int, grace time.Duration) error {
	deadline := time.Now().Add(grace)
	for _, pid := range pids {
		for syscall.Kill(pid, 0) == nil {
			if time.Now().After(deadline) {
				return fmt.Errorf("wait for process %d to end: it runs after %v", pid, grace)
			}
			time.Sleep(pollInterval)
		}
	}
	return nil
}
