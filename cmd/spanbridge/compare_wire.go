// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/wire"
)

// tcpdumpTimeout is how long packets may lie in the kernel before tcpdump looks at them (its packet buffer
// timeout). When it is told to end it leaves aside those that it has not seen.
const tcpdumpTimeout = time.Second

// wireWatcher reads what goes over TCP between clients and server, as tcpdump captures it, or has captured it into a file.
type wireWatcher struct {
	*comparison
	options wire.Options
	capture *exec.Cmd
	reading *collecting
}

func (c *comparison) wire() watcher { return &wireWatcher{comparison: c} }

func (w *wireWatcher) needs(*server.Server) []need { return nil }

func (w *wireWatcher) check(context.Context) error {
	switch {
	case w.load != nil && w.own.config.Net == "unix":
		return errors.New("the load goes through a socket file: name the server by tcp(HOST:PORT) in the dsn")
	case w.config.PCAP != "":
		return nil
	case os.Geteuid() != 0:
		return errors.New("tcpdump needs root")
	}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		return errors.New("tcpdump is not installed: apt-get install tcpdump, or name a file that it writes elsewhere with --pcap")
	}
	return nil
}

func (w *wireWatcher) begin(ctx context.Context) (how string, err error) {
	w.options.Port = uint16(w.server.Number("port"))
	if w.options.Connection, err = wire.Connections(ctx, w.db); err != nil {
		return "", err
	}
	if w.config.PCAP != "" {
		return w.config.PCAP, nil
	}
	args := w.command()
	w.capture = exec.Command(args[0], args[1:]...)
	w.capture.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for us
	packets, err := w.capture.StdoutPipe()
	if err != nil {
		return "", err
	}
	said, err := w.capture.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := w.capture.Start(); err != nil {
		return "", err
	}
	if err := listening(said); err != nil {
		return "", errors.Join(err, w.capture.Process.Kill(), w.capture.Wait())
	}
	w.reading = collect(wire.New(packets, w.options), w.config.Most, func() { _ = w.capture.Process.Signal(syscall.SIGTERM) })
	return strings.Join(args, " "), nil
}

// command captures in the network namespace of the server.
func (w *wireWatcher) command() []string {
	args := []string{"tcpdump", "-i", "any", "-s", "0", "-B", "65536", "-U", "-w", "-", "tcp", "port", strconv.Itoa(int(w.options.Port))}
	if pid := strconv.Itoa(w.server.PID); w.server.PID != 0 {
		theirs, err := os.Readlink("/proc/" + pid + "/ns/net")
		ours, errOurs := os.Readlink("/proc/self/ns/net")
		if err == nil && errOurs == nil && theirs != ours {
			args = append([]string{"nsenter", "--net", "--target", pid, "--"}, args...)
		}
	}
	return args
}

// listening waits until tcpdump says that it captures. What it says afterwards is read and left aside: packets that
// it lost are missing in the capture, which the account finds.
func listening(said io.Reader) error {
	lines := bufio.NewScanner(said)
	var last string
	for lines.Scan() {
		if last = lines.Text(); strings.Contains(last, "listening on") {
			go func() { _, _ = io.Copy(io.Discard, said) }()
			return nil
		}
	}
	return fmt.Errorf("tcpdump ended: %s", last)
}

func (w *wireWatcher) end(ctx context.Context) (*compare.Listing, error) {
	if w.reading == nil {
		file, err := os.Open(w.config.PCAP)
		if err != nil {
			return nil, err
		}
		return compare.Collect(wire.New(file, w.options), w.config.Most)
	}
	select {
	case <-time.After(tcpdumpTimeout + tcpdumpTimeout/4):
	case <-ctx.Done():
	}
	l, err := w.reading.end(ctx)
	_ = w.capture.Wait() // it was told to end
	return l, err
}
