// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/program"
)

func TestMain(m *testing.M) {
	os.Exit(program.Main(m))
}

// runningBridge is a "spanbridge run" whose spans go to a file.
type runningBridge struct {
	t      *testing.T
	cmd    *exec.Cmd
	output string
	stdout *lockedBuffer
	stderr *lockedBuffer
	ready  string // the ready line
}

// startBridge runs spanbridge with these arguments, and --export file, and
// waits until every probe is attached.
func startBridge(t *testing.T, args ...string) *runningBridge {
	t.Helper()
	return startBridgeWith(t, nil, args...)
}

// startBridgeWith is startBridge with more variables of the environment.
func startBridgeWith(t *testing.T, env []string, args ...string) *runningBridge {
	t.Helper()
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	b := &runningBridge{t: t, output: filepath.Join(t.TempDir(), "spans.jsonl"), stdout: &lockedBuffer{}, stderr: &lockedBuffer{}}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// Waits that the kernel sees are of the moment; see times_test.go.
	args = append([]string{"run", "--export", "file:" + b.output, "--ready-fd", "3", "--wait-threshold", "1h"}, args...)
	b.cmd = exec.Command(path, args...)
	b.cmd.Stdout, b.cmd.Stderr = b.stdout, b.stderr
	b.cmd.ExtraFiles = []*os.File{w}
	// Metrics are collected at the end only.
	b.cmd.Env = append(append(os.Environ(), "OTEL_METRIC_EXPORT_INTERVAL=3600000"), env...)
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		if b.cmd.ProcessState == nil {
			b.cmd.Process.Kill()
			b.cmd.Wait()
		}
	})
	r.SetReadDeadline(time.Now().Add(30 * time.Second))
	b.ready, err = bufio.NewReader(r).ReadString('\n')
	if err != nil {
		b.cmd.Process.Kill()
		b.cmd.Wait()
		t.Fatalf("spanbridge was not ready: %v\n%s", err, b.stderr)
	}
	return b
}

// measured runs a measurement until it finds nothing wrong, three times at most:
// what else a machine does spoils one now and then, a fault spoils them all.
func measured(t *testing.T, measure func() error) {
	t.Helper()
	const rounds = 3
	for round := 1; ; round++ {
		err := measure()
		if err == nil {
			return
		}
		if round == rounds {
			t.Error(err)
			return
		}
		t.Logf("measured again: %v", err)
	}
}

// result is what a run came to.
type result struct {
	exitCode int
	spans    []otlpSpan // in the order in which they were written
	metrics  []json.RawMessage
	stdout   string
	stderr   string
	ledger   map[string]map[string]uint64 // by name, such as "mariadb/query/usdt", "records", "file"
	closes   bool                         // the ledger closes
	peakRSS  uint64                       // bytes
}

// stop interrupts the bridge and reads what it wrote.
func (b *runningBridge) stop() *result {
	b.t.Helper()
	r := &result{peakRSS: b.peakRSS()}
	if err := b.cmd.Process.Signal(syscall.SIGINT); err != nil {
		b.t.Fatalf("spanbridge has ended before: %v\n%s", err, b.stderr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	stopKill := context.AfterFunc(ctx, func() { b.cmd.Process.Kill() })
	b.cmd.Wait()
	stopKill()
	r.exitCode = b.cmd.ProcessState.ExitCode()
	r.stdout, r.stderr = b.stdout.String(), b.stderr.String()
	r.ledger, r.closes = parseLedger(r.stderr), strings.Contains(r.stderr, "the ledger closes")
	r.spans, r.metrics = readOutput(b.t, b.output)
	return r
}

// peakRSS reads the high-water mark of resident memory.
func (b *runningBridge) peakRSS() uint64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	match := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if match == nil {
		return 0
	}
	kb, _ := strconv.ParseUint(string(match[1]), 10, 64)
	return kb << 10
}

// mustClose fails the test unless the run ended well and its ledger closes.
func (r *result) mustClose(t *testing.T) {
	t.Helper()
	if r.exitCode != 0 || !r.closes {
		t.Errorf("exit code %d, ledger closes: %v\n%s", r.exitCode, r.closes, r.stderr)
	}
}

// unfinished returns the spans of operations that were not seen to end, and the
// others.
func (r *result) unfinished() (unfinished, ended []otlpSpan) {
	for _, s := range r.spans {
		if s.Attrs["spanbridge.unfinished"] == true {
			unfinished = append(unfinished, s)
		} else {
			ended = append(ended, s)
		}
	}
	return unfinished, ended
}

var ledgerLine = regexp.MustCompile(`(?m)^spanbridge: ledger: (\S+): (.*)$`)

func parseLedger(stderr string) map[string]map[string]uint64 {
	all := make(map[string]map[string]uint64)
	for _, line := range ledgerLine.FindAllStringSubmatch(stderr, -1) {
		row := make(map[string]uint64)
		for _, pair := range strings.Fields(line[2]) {
			name, number, _ := strings.Cut(pair, "=")
			row[name], _ = strconv.ParseUint(number, 10, 64)
		}
		all[line[1]] = row
	}
	return all
}

// otlpSpan is a span as read back from OTLP JSON.
type otlpSpan struct {
	TraceID    string      `json:"traceId"`
	SpanID     string      `json:"spanId"`
	Parent     string      `json:"parentSpanId"`
	TraceState string      `json:"traceState"`
	Name       string      `json:"name"`
	Kind       int         `json:"kind"`
	Start      nanoseconds `json:"startTimeUnixNano"`
	End        nanoseconds `json:"endTimeUnixNano"`
	Status     struct {
		Code    int
		Message string
	} `json:"status"`
	Links []struct {
		TraceID  string     `json:"traceId"`
		SpanID   string     `json:"spanId"`
		RawAttrs []otlpAttr `json:"attributes"`
	} `json:"links"`
	RawAttrs []otlpAttr     `json:"attributes"`
	Attrs    map[string]any `json:"-"` // string, int64, bool or float64
	Resource map[string]any `json:"-"`
}

func (s *otlpSpan) duration() time.Duration { return time.Duration(s.End - s.Start) }
func (s *otlpSpan) text() string            { text, _ := s.Attrs["db.query.text"].(string); return text }

// nanoseconds is a 64-bit number, which OTLP JSON writes as a string.
type nanoseconds int64

func (n *nanoseconds) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*n = nanoseconds(v)
	return err
}

type otlpAttr struct {
	Key   string `json:"key"`
	Value struct {
		String *string      `json:"stringValue"`
		Int    *nanoseconds `json:"intValue"`
		Bool   *bool        `json:"boolValue"`
		Double *float64     `json:"doubleValue"`
	} `json:"value"`
}

func attrMap(list []otlpAttr) map[string]any {
	m := make(map[string]any, len(list))
	for _, a := range list {
		switch v := a.Value; {
		case v.String != nil:
			m[a.Key] = *v.String
		case v.Int != nil:
			m[a.Key] = int64(*v.Int)
		case v.Bool != nil:
			m[a.Key] = *v.Bool
		case v.Double != nil:
			m[a.Key] = *v.Double
		}
	}
	return m
}

// readOutput reads a file of OTLP JSON lines.
func readOutput(t *testing.T, path string) (spans []otlpSpan, metrics []json.RawMessage) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var request struct {
			ResourceMetrics json.RawMessage `json:"resourceMetrics"`
			ResourceSpans   []struct {
				Resource   struct{ Attributes []otlpAttr }
				ScopeSpans []struct{ Spans []otlpSpan }
			}
		}
		if err := json.Unmarshal(line, &request); err != nil {
			t.Fatalf("line is no OTLP JSON: %v\n%.300s", err, line)
		}
		if request.ResourceMetrics != nil {
			metrics = append(metrics, line)
		}
		for _, rs := range request.ResourceSpans {
			resource := attrMap(rs.Resource.Attributes)
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					s.Attrs, s.Resource = attrMap(s.RawAttrs), resource
					spans = append(spans, s)
				}
			}
		}
	}
	return spans, metrics
}

// lockedBuffer collects what a process prints.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
