// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// WhyTruncated names the loss where a file was cut while it was followed: what was
// written since it was read last is gone.
const WhyTruncated = "log truncated while it was read"

const (
	pollEvery = 50 * time.Millisecond
	witness   = 256 // bytes that must stay as they were: the first ones, and the last that were read
)

// Tail reads a file that a server writes to, as it grows. Where the file is renamed
// and another one takes its name, it reads the first to its end: a server goes on
// writing to it until it is told to open its logs again, which is when the
// second one is no longer empty. Where the file is truncated, as logrotate's
// copytruncate does, it goes on from the beginning and tells of the loss. It is
// used by one goroutine, and ended by its context from any.
type Tail struct {
	ctx      context.Context
	path     string
	file     *os.File
	offset   int64
	size     int64 // when it was looked at last
	first    []byte
	before   []byte // the last bytes that were read
	complete time.Time
	losses   []compare.Loss
}

// Follow opens a file, at its beginning or at its end. Reading it waits for more
// until ctx is done; then what is there is read, and io.EOF returned.
func Follow(ctx context.Context, path string, fromEnd bool) (*Tail, error) {
	t := &Tail{ctx: ctx, path: path, complete: time.Now()}
	var err error
	if t.file, err = os.Open(path); err != nil {
		return nil, fmt.Errorf("follow a log: %w", err)
	}
	if t.size, err = t.file.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(fmt.Errorf("follow a log: %w", err), t.file.Close())
	}
	if fromEnd {
		t.offset = t.size
	}
	return t, nil
}

// Losses are the times in which something may have been written that is gone.
func (t *Tail) Losses() []compare.Loss { return t.losses }

// Close closes the file.
func (t *Tail) Close() error { return t.file.Close() }

// Read reads what there is, and waits where there is nothing.
func (t *Tail) Read(p []byte) (int, error) {
	for {
		over := t.ctx.Err() != nil
		next := t.successor()
		now := time.Now()
		if n, err := t.more(p); n > 0 || err != nil {
			return n, err
		}
		t.complete = now
		switch {
		case next:
			if err := t.change(); err != nil {
				return 0, err
			}
			continue
		case over:
			return 0, io.EOF
		}
		select {
		case <-time.After(pollEvery):
		case <-t.ctx.Done():
		}
	}
}

// more reads from where reading stopped, or from the beginning if what was
// before that is no longer there.
func (t *Tail) more(p []byte) (int, error) {
	info, err := t.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("follow a log: %w", err)
	}
	if info.Size() < t.size || info.Size() > t.offset && !t.unchanged() {
		t.losses = append(t.losses, compare.Loss{
			From: t.complete.UnixNano(), To: time.Now().UnixNano(), Why: WhyTruncated,
		})
		t.offset, t.first, t.before = 0, nil, nil
	}
	t.size = info.Size()
	n, err := t.file.ReadAt(p, t.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("follow a log: %w", err)
	}
	t.offset += int64(n)
	t.size = max(t.size, t.offset)
	if len(t.first) == int(t.offset)-n && len(t.first) < witness {
		t.first = append(t.first, p[:min(n, witness-len(t.first))]...)
	}
	t.before = append(t.before, p[max(0, n-witness):n]...)
	t.before = t.before[max(0, len(t.before)-witness):]
	return n, nil
}

// unchanged reports whether what was read is still there: a file may have been truncated
// and have grown beyond the place of reading since.
func (t *Tail) unchanged() bool {
	return t.holds(t.first, 0) && t.holds(t.before, t.offset-int64(len(t.before)))
}

func (t *Tail) holds(want []byte, at int64) bool {
	var now [witness]byte
	b := now[:len(want)]
	n, err := t.file.ReadAt(b, at)
	return n == len(b) && (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(b, want)
}

// successor reports whether another file has the name, and something in it.
func (t *Tail) successor() bool {
	ours, err := t.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(t.path)
	return err == nil && !os.SameFile(ours, named) && named.Size() > 0
}

// change goes on with the file that has the name now.
func (t *Tail) change() error {
	file, err := os.Open(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // renamed in its turn
	}
	if err != nil {
		return fmt.Errorf("follow a log: %w", err)
	}
	err = t.file.Close()
	t.file, t.offset, t.size, t.first, t.before = file, 0, 0, nil, nil
	return err
}
