// SPDX-License-Identifier: Apache-2.0

package clock

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNowIsNow(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	apart := time.Since(time.Unix(0, c.Unix(uint64(ts.Nano()))))
	if apart < -time.Millisecond || apart > time.Second {
		t.Errorf("a monotonic time of now is %v from the wall clock", apart)
	}
}

func TestOffsetFollowsAStepAfterTenSeconds(t *testing.T) {
	monotonic, wall := int64(100), int64(1_000_100)
	c := &Clock{read: func() (int64, int64, error) { return monotonic, wall, nil }}
	if err := c.refresh(); err != nil {
		t.Fatal(err)
	}
	if got := c.Unix(200); got != 1_000_200 {
		t.Errorf("got %d, want 1000200", got)
	}
	// The wall clock is set back by an hour.
	monotonic, wall = 11e9, 11e9+1_000_000-int64(time.Hour)
	if got := c.Unix(300); got != 1_000_300 {
		t.Errorf("within ten seconds: got %d, want the old offset", got)
	}
	if got, want := c.Unix(11e9), int64(11e9)+1_000_000-int64(time.Hour); got != want {
		t.Errorf("after ten seconds: got %d, want %d", got, want)
	}
}

func TestUnreadableClockKeepsTheOffset(t *testing.T) {
	c := &Clock{offsetNs: 5, read: func() (int64, int64, error) { return 0, 0, errors.New("refused") }}
	if got := c.Unix(20e9); got != 20e9+5 {
		t.Errorf("got %d", got)
	}
}
