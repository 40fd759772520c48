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
	"time"

	"github.com/spanbridge/spanbridge/integration/servers/process"
)

// Collector is a running OpenTelemetry Collector.
type Collector struct {
	OTLPGRPC string // host:port
	OTLPHTTP string // http://host:port, without /v1/traces
	File     string // what it received, one OTLP JSON request a line

	dir     string
	process *process.Process
}

// StartCollector runs the Collector with the given configuration files, which are
// merged in order. The first is meant to be the repository's
// collector-config.yaml; its addresses and its file are set through the
// SPANBRIDGE_OTLP_* variables that it reads. It returns once the Collector
// listens; the caller must call Stop.
func StartCollector(ctx context.Context, configs ...string) (_ *Collector, err error) {
	binary, err := find("otelcol")
	if err != nil {
		return nil, err
	}
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, err
	}
	c := &Collector{OTLPGRPC: local(ports[0]), OTLPHTTP: "http://" + local(ports[1])}
	if c.dir, err = os.MkdirTemp("", "spanbridge-otelcol-"); err != nil {
		return nil, fmt.Errorf("make a directory for the Collector: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(c.dir))
		}
	}()
	c.File = filepath.Join(c.dir, "otlp.jsonl")

	cmd := exec.Command(binary)
	for _, config := range configs {
		cmd.Args = append(cmd.Args, "--config", config)
	}
	cmd.Env = append(os.Environ(),
		"SPANBRIDGE_OTLP_GRPC="+local(ports[0]),
		"SPANBRIDGE_OTLP_HTTP="+local(ports[1]),
		"SPANBRIDGE_OTLP_FILE="+c.File)
	c.process, err = launch(ctx, cmd, c.logFile(), func() error {
		return errors.Join(listens(local(ports[0])), listens(local(ports[1])))
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func listens(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// ValidateConfig lets the Collector check configuration files without running.
func ValidateConfig(ctx context.Context, configs ...string) error {
	binary, err := find("otelcol")
	if err != nil {
		return err
	}
	args := []string{"validate"}
	for _, config := range configs {
		args = append(args, "--config", config)
	}
	if out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("validate %v: %w: %s", configs, err, out)
	}
	return nil
}

func (c *Collector) logFile() string { return filepath.Join(c.dir, "log") }

// Log returns the end of what the Collector has written, which includes the debug
// exporter's output.
func (c *Collector) Log() string { return process.Tail(c.logFile(), 20) }

// Kill9 kills the Collector with SIGKILL and keeps its files.
func (c *Collector) Kill9() error { return c.process.Kill() }

// Stop ends the Collector and removes its files.
func (c *Collector) Stop() error {
	return errors.Join(c.process.Stop(stopGrace), os.RemoveAll(c.dir))
}

// Spans returns all spans in the Collector's file, in the order of arrival. The
// file exporter writes with a delay of up to a second.
func (c *Collector) Spans() ([]Span, error) {
	b, err := os.ReadFile(c.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the Collector's file: %w", err)
	}
	return ParseSpans(b)
}

// WaitSpans polls until the file has at least n spans for which keep is true (nil
// for all), or returns what it has with the error of ctx.
func (c *Collector) WaitSpans(ctx context.Context, n int, keep func(Span) bool) ([]Span, error) {
	return waitSpans(ctx, n, func() ([]Span, error) {
		spans, err := c.Spans()
		if err != nil || keep == nil {
			return spans, err
		}
		var kept []Span
		for _, s := range spans {
			if keep(s) {
				kept = append(kept, s)
			}
		}
		return kept, nil
	})
}
