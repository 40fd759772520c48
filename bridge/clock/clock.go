// SPDX-License-Identifier: Apache-2.0

// Package clock turns times of the kernel's CLOCK_MONOTONIC, which eBPF
// programs stamp events with (bpf_ktime_get_ns), into wall clock time. No other
// package knows about clocks. It never sets one.
package clock

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// refreshAfter is how long an offset between the clocks is trusted. Clock
// adjustment moves it by at most 500 parts per million (adjtimex(2)): 5 ms in
// this time.
const refreshAfter = 10 * time.Second

// Clock converts monotonic time to wall time with the offset that held when
// it was last refreshed. Durations are never converted, so a step of the wall
// clock moves spans as a whole and never stretches them.
//
// It is not safe for concurrent use.
type Clock struct {
	read     func() (monotonicNs, realNs int64, err error)
	offsetNs int64
	readNs   int64
}

// New returns a clock of this host.
func New() (*Clock, error) {
	c := &Clock{read: readClocks}
	if err := c.refresh(); err != nil {
		return nil, err
	}
	return c, nil
}

// Unix returns the wall clock time, in Unix nanoseconds, of a moment of
// CLOCK_MONOTONIC in nanoseconds. It reads the clocks anew when the moment is
// further than ten seconds from the last reading; if that is refused it goes on
// with the offset it has.
func (c *Clock) Unix(monotonicNs uint64) int64 {
	ns := int64(monotonicNs)
	if ns-c.readNs > int64(refreshAfter) {
		_ = c.refresh()
	}
	return ns + c.offsetNs
}

func (c *Clock) refresh() error {
	monotonic, wall, err := c.read()
	if err != nil {
		return fmt.Errorf("read clocks: %w", err)
	}
	c.readNs, c.offsetNs = monotonic, wall-monotonic
	return nil
}

// readClocks reads the wall clock between two readings of the monotonic one,
// several times, and keeps the tightest bracket.
func readClocks() (monotonicNs, realNs int64, err error) {
	best := int64(-1)
	for range 8 {
		var before, wall, after unix.Timespec
		for _, r := range []struct {
			clock int32
			into  *unix.Timespec
		}{{unix.CLOCK_MONOTONIC, &before}, {unix.CLOCK_REALTIME, &wall}, {unix.CLOCK_MONOTONIC, &after}} {
			if err := unix.ClockGettime(r.clock, r.into); err != nil {
				return 0, 0, err
			}
		}
		if width := after.Nano() - before.Nano(); best < 0 || width < best {
			best, monotonicNs, realNs = width, before.Nano()+width/2, wall.Nano()
		}
	}
	return monotonicNs, realNs, nil
}
