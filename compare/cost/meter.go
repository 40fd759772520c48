// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// usage is what a process has used so far.
type usage struct {
	cpu   int64  // nanoseconds, also of threads that have ended
	wrote uint64 // bytes that it gave to write(2), to files and not to sockets
}

// meter reads what processes have used.
type meter interface{ read(pid int) (usage, error) }

// proc is the meter of this host.
type proc struct{}

func (proc) read(pid int) (u usage, err error) {
	if u.cpu, err = processTime(pid); err != nil {
		return u, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/io") // proc_pid_io(5)
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "wchar: "); ok {
			u.wrote, err = strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		}
	}
	return u, err
}

// processTime reads the clock of a process, to a nanosecond where /proc/PID/stat knows
// hundredths of a second: clock_getcpuclockid(3), of which the C library makes the number
// as here.
func processTime(pid int) (int64, error) {
	const ofProcess = 2 // CPUCLOCK_SCHED of kernel/time/posix-cpu-timers.c
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|ofProcess), &t); err != nil {
		return 0, err
	}
	return t.Nano(), nil
}
