// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
	"github.com/spanbridge/spanbridge/integration/servers/process"
)

const (
	startTimeout = 30 * time.Second
	stopGrace    = 15 * time.Second
	pollInterval = 50 * time.Millisecond
)

// find returns the binary that integration/backends/build.sh has built. Its error
// wraps servers.ErrMissing if there is none.
func find(name string) (string, error) {
	cache, err := servers.CacheDir()
	if err != nil {
		return "", err
	}
	path, err := filepath.EvalSymlinks(filepath.Join(cache, "bin", name))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: %s: run \"make backends\"", servers.ErrMissing, name)
	}
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return path, nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// launch starts cmd with its output in the file logPath and waits until it is ready.
func launch(ctx context.Context, cmd *exec.Cmd, logPath string, ready func() error) (*process.Process, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("make log file: %w", err)
	}
	defer log.Close() // the child has its own copy
	cmd.Stdout, cmd.Stderr = log, log
	p, err := process.Start(cmd)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.Until(ctx, ready); err != nil {
		return nil, errors.Join(
			fmt.Errorf("start %s: %w\n%s", cmd.Path, err, process.Tail(logPath, 8)), p.Kill())
	}
	return p, nil
}

// waitSpans polls read until it gives n spans. A poll that fails is not the end:
// a file may be caught in the middle of a write.
func waitSpans(ctx context.Context, n int, read func() ([]Span, error)) ([]Span, error) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		spans, err := read()
		if err == nil && len(spans) >= n {
			return spans, nil
		}
		select {
		case <-ctx.Done():
			return spans, fmt.Errorf("wait for %d spans, have %d: %w", n, len(spans),
				errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}
