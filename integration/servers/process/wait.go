// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"
)

const pollInterval = 20 * time.Millisecond

// Until polls ready until it returns nil. It gives up when the process ends or
// ctx is done, with the last answer of ready as the reason.
func (p *Process) Until(ctx context.Context, ready func() error) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("process %d ended: %w", p.PID, exitReason(p.err))
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func exitReason(err error) error {
	if err == nil {
		return fmt.Errorf("exit status 0")
	}
	return err
}

// FreePorts returns n different TCP ports on 127.0.0.1 that were free a moment
// ago. If there is room none is of those that the kernel gives to clients, which
// come and go all the time (net.ipv4.ip_local_port_range,
// Documentation/networking/ip-sysctl.rst). Another server may take one before it is used.
func FreePorts(n int) ([]int, error) {
	const choice, tries = 10_000, 1000 // ports to choose from
	below := clientPorts()
	ports := make([]int, 0, n)
	for try := 0; len(ports) < n; try++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", below-1-rand.IntN(choice)))
		if err != nil && try < tries {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // held until all are found, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// clientPorts returns the first of the ports that the kernel gives to clients.
func clientPorts() int {
	const usual, least = 32768, 16384
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	first := 0
	if _, scanErr := fmt.Sscan(string(text), &first); err != nil || scanErr != nil || first < least {
		return usual
	}
	return first
}

// Tail returns the last n lines of the file at path, for error messages. A file
// that cannot be read gives a line that says so.
func Tail(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
