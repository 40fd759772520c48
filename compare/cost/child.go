// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// watcher is a method that is a program of its own, outside of the server.
type watcher struct {
	described
	command func() (*exec.Cmd, error) // makes the program
	// ready waits until it watches, reading what it writes to descriptor 3 or to its standard output.
	ready   func(from *os.File) error
	onFD3   bool
	running *exec.Cmd
	said    bytes.Buffer
	counts  *regexp.Regexp // finds in what it said how many statements it saw, or nil
	unfit   *regexp.Regexp // finds there that this server is not for it, which none tells; or nil
	none    error
}

const (
	readyTime = 30 * time.Second
	stopTime  = 20 * time.Second
)

func (w *watcher) outside() int {
	if w.running == nil {
		return 0
	}
	return w.running.Process.Pid
}

func (w *watcher) on(ctx context.Context) error {
	cmd, err := w.command()
	if err != nil {
		return err
	}
	from, to, err := os.Pipe()
	if err != nil {
		return err
	}
	defer to.Close()
	w.said.Reset()
	cmd.Stderr = &w.said
	if w.onFD3 {
		cmd.ExtraFiles = []*os.File{to}
	} else {
		cmd.Stdout = to
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it must not outlive us
	if err := cmd.Start(); err != nil {
		from.Close()
		return err
	}
	w.running = cmd
	to.Close()
	return w.await(ctx, from)
}

// await waits for the program, and stops it if it is not ready in time.
func (w *watcher) await(ctx context.Context, from *os.File) error {
	ended := make(chan error, 1)
	go func() {
		err := w.ready(from)
		ended <- err
		drain(from)
	}()
	timer := time.NewTimer(readyTime)
	defer timer.Stop()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = fmt.Errorf("not ready within %v", readyTime)
	}
	if err != nil {
		stopped := w.off(context.WithoutCancel(ctx))
		if w.unfit != nil && w.unfit.Match(w.said.Bytes()) {
			return errors.Join(w.none, stopped)
		}
		return errors.Join(fmt.Errorf("start %s: %w: %s", w.called, err, lastLine(w.said.Bytes())), stopped)
	}
	return nil
}

// drain reads what comes further, so that the program is not held up.
func drain(from *os.File) {
	buffer := make([]byte, 64<<10)
	for {
		if _, err := from.Read(buffer); err != nil {
			from.Close()
			return
		}
	}
}

// off stops the program as a user does, and at last by force.
func (w *watcher) off(context.Context) error {
	cmd := w.running
	w.running = nil
	if cmd == nil {
		return nil
	}
	cmd.Process.Signal(os.Interrupt)
	force := time.AfterFunc(stopTime, func() { cmd.Process.Kill() })
	defer force.Stop()
	err := cmd.Wait()
	if !force.Stop() {
		return fmt.Errorf("%s did not end within %v", w.called, stopTime)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // what it has said of its end does not concern the measurement
	}
	return err
}

func (w *watcher) saw() (uint64, bool) {
	if w.counts == nil {
		return 0, false
	}
	m := w.counts.FindSubmatch(w.said.Bytes())
	if m == nil {
		return 0, true // it has nothing to tell of
	}
	n, err := strconv.ParseUint(string(m[1]), 10, 64)
	return n, err == nil
}

func lastLine(text []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.TrimPrefix(lines[len(lines)-1], []byte("spanbridge: "))
}
