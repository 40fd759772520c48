// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// times is how often each workload does its work: every one must be seen.
const times = 23

// linuxRun is a run of a profile of the host.
type linuxRun struct {
	*result
	profile string
}

// observeLinux runs spanbridge with a profile of the host, limited to the test's own
// process unless the arguments say otherwise, while something is done.
func observeLinux(t *testing.T, profile string, do func(), args ...string) *linuxRun {
	t.Helper()
	if len(args) == 0 {
		args = []string{"--target", strconv.Itoa(os.Getpid())}
	}
	b := startBridge(t, append([]string{"--profile", profile, "--detail", "stages"}, args...)...)
	do()
	r := b.stop()
	r.mustClose(t)
	return &linuxRun{r, profile}
}

// spansOf returns the spans that meet a condition.
func (r *linuxRun) spansOf(is func(s *otlpSpan) bool) (all []*otlpSpan) {
	for i := range r.spans {
		if is(&r.spans[i]) {
			all = append(all, &r.spans[i])
		}
	}
	return all
}

// with returns the spans of that name with an attribute.
func (r *linuxRun) with(name, key string, value any) []*otlpSpan {
	return r.spansOf(func(s *otlpSpan) bool { return s.Name == name && s.Attrs[key] == value })
}

// metricPoint is a data point of a histogram or of a sum.
type metricPoint struct {
	Count      nanoseconds
	Sum        float64
	AsInt      nanoseconds
	Attributes []otlpAttr
}

// pointsOf returns the last points of a metric that have those attributes.
func (r *linuxRun) pointsOf(t *testing.T, name, unit string, attrs map[string]any) (points []metricPoint) {
	t.Helper()
	type data struct{ DataPoints []metricPoint }
	var request struct {
		ResourceMetrics []struct {
			ScopeMetrics []struct {
				Metrics []struct {
					Name, Unit     string
					Histogram, Sum data
				}
			}
		}
	}
	if err := json.Unmarshal(r.metrics[len(r.metrics)-1], &request); err != nil {
		t.Fatal(err)
	}
	for _, rm := range request.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if m.Name != name {
					continue
				}
				if m.Unit != unit {
					t.Errorf("the unit of %s is %q, want %q", name, m.Unit, unit)
				}
				points = append(points, append(m.Histogram.DataPoints, m.Sum.DataPoints...)...)
			}
		}
	}
	return slices.DeleteFunc(points, func(p metricPoint) bool {
		have := attrMap(p.Attributes)
		for key, value := range attrs {
			if have[key] != value {
				return true
			}
		}
		return false
	})
}

// counted returns how often the histogram of that name has counted, and the sum in
// seconds, of all points that have those attributes.
func (r *linuxRun) counted(t *testing.T, name string, attrs map[string]any) (count int64, sum float64) {
	t.Helper()
	for _, p := range r.pointsOf(t, name, "s", attrs) {
		count += int64(p.Count)
		sum += p.Sum
	}
	return count, sum
}

// added returns what a counter has come to.
func (r *linuxRun) added(t *testing.T, name, unit string, attrs map[string]any) (sum int64) {
	t.Helper()
	for _, p := range r.pointsOf(t, name, unit, attrs) {
		sum += int64(p.AsInt)
	}
	return sum
}

// wantAdded checks that a counter is what an attribute of all spans adds up to.
func (r *linuxRun) wantAdded(t *testing.T, counter, unit, direction, span, attribute string) {
	t.Helper()
	var want int64
	for _, s := range r.spansOf(func(s *otlpSpan) bool { return s.Name == span }) {
		n, _ := s.Attrs[attribute].(int64)
		want += n
	}
	var attrs map[string]any
	if direction != "" {
		attrs = map[string]any{"network.io.direction": direction}
	}
	if got := r.added(t, counter, unit, attrs); got != want || want == 0 && attribute != "spanbridge.tcp.retransmits" {
		t.Errorf("%s %s: %d, the spans have %d", counter, direction, got, want)
	}
}

// wantNumber checks how many spans there are, and that all are the test's own.
func wantNumber(t *testing.T, what string, spans []*otlpSpan, n int) {
	t.Helper()
	if len(spans) != n {
		t.Errorf("%s: %d spans, want %d", what, len(spans), n)
	}
	for _, s := range spans {
		if s.Attrs["process.pid"] != int64(os.Getpid()) {
			t.Fatalf("%s: process %v is not the test", what, s.Attrs["process.pid"])
		}
	}
}

// counter is a bpftrace that counts on the same run.
type counter struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	stderr strings.Builder
}

// countBeside starts bpftrace with a program that counts into @.
func countBeside(t *testing.T, program string) *counter {
	t.Helper()
	// bpftrace looks for tracefs in one place; here it is nobody else's.
	script := `mount -t tracefs tracefs /sys/kernel/tracing && exec bpftrace -e "$0"`
	c := &counter{cmd: exec.Command("unshare", "--mount", "sh", "-c", script, program+` BEGIN { printf("counting\n"); }`)}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = &c.stderr
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	})
	c.lines = bufio.NewScanner(out)
	for c.lines.Scan() {
		if c.lines.Text() == "counting" {
			return c
		}
	}
	t.Fatalf("bpftrace does not count: %s", c.stderr.String())
	return nil
}

// stop returns what was counted.
func (c *counter) stop(t *testing.T) (n int) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for c.lines.Scan() {
		if number, ok := strings.CutPrefix(c.lines.Text(), "@: "); ok {
			n, _ = strconv.Atoi(number)
		}
	}
	return n
}

// copyOf copies a program under a name that nothing else has.
func copyOf(t *testing.T, program, name string) string {
	t.Helper()
	from, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, from, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLinuxExecSeesEveryProgram(t *testing.T) {
	const secret = "--password=hunter2"
	program := copyOf(t, "/bin/true", "seen-by-exec")
	for _, test := range []struct {
		name string
		args []string
	}{
		{"of the test", []string{"--target", strconv.Itoa(os.Getpid())}},
		{"of the host, with raw text", []string{"--raw-text"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			beside := countBeside(t, `tracepoint:sched:sched_process_exec / comm == "seen-by-exec" / { @ = count(); }`)
			pids := make(map[int64]bool)
			r := observeLinux(t, "linux-exec", func() {
				for range times {
					cmd := exec.Command(program, secret, "x")
					if err := cmd.Run(); err != nil {
						t.Fatal(err)
					}
					pids[int64(cmd.Process.Pid)] = true
				}
				exec.Command("sh", "-c", "exit 3; #"+t.Name()).Run()
				exec.Command("sh", "-c", "kill -9 $$").Run()
				exec.Command("sh", "-c", "exec "+program).Run()
			}, test.args...)
			if n := beside.stop(t); n != times+1 {
				t.Errorf("bpftrace counts %d of %d", n, times+1)
			}
			spans := r.with("seen-by-exec", "process.executable.path", program)
			if len(spans) != times+1 {
				t.Fatalf("%d spans, want %d\n%s", len(spans), times+1, r.stderr)
			}
			for _, s := range spans[:times] {
				a := s.Attrs
				if !pids[a["process.pid"].(int64)] || a["process.args_count"] != int64(3) || a["process.parent_pid"] != int64(os.Getpid()) ||
					a["process.exit.code"] != int64(0) || a["process.real_user.id"] != int64(0) || s.Status.Code != 0 || s.duration() <= 0 {
					t.Errorf("%v", a)
				}
				delete(pids, a["process.pid"].(int64))
				line, shown := a["process.command_line"]
				if raw := test.args[0] == "--raw-text"; shown != raw || raw && line != program+" "+secret+" x" {
					t.Errorf("command line %q", line)
				}
			}
			parent := r.spansOf(func(s *otlpSpan) bool { return s.Attrs["process.parent_pid"] == int64(os.Getpid()) && s.Name == "sh" })
			if len(parent) != 3 {
				t.Fatalf("%d shells, want 3", len(parent))
			}
			if s := parent[0]; s.Attrs["error.type"] != "3" || s.Attrs["process.exit.code"] != int64(3) || s.Status.Code != 2 {
				t.Errorf("exit 3: %v status %v", s.Attrs, s.Status)
			}
			if s := parent[1]; s.Attrs["error.type"] != "SIGKILL" || s.Attrs["spanbridge.exit.status"] != "SIGKILL" {
				t.Errorf("killed: %v", s.Attrs)
			}
			if s := parent[2]; s.Attrs["spanbridge.executes"] != program || s.Attrs["process.pid"] != spans[times].Attrs["process.pid"] {
				t.Errorf("executed another program: %v", s.Attrs)
			}
		})
	}
}

func TestLinuxExecShowsNoArguments(t *testing.T) {
	b := startBridge(t, "--profile", "linux-exec", "--target", strconv.Itoa(os.Getpid()))
	exec.Command("/bin/true", "--password=hunter2").Run()
	r := b.stop()
	out, err := os.ReadFile(b.output)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.spans) == 0 || strings.Contains(string(out), "hunter2") {
		t.Errorf("%d spans, with the argument: %v", len(r.spans), strings.Contains(string(out), "hunter2"))
	}
}

// TestLinuxToolsTellWhatRunsOn has a program run and an open wait: both are told while they do,
// and the one that goes on when spanbridge ends is unfinished.
func TestLinuxToolsTellWhatRunsOn(t *testing.T) {
	program, fifo := copyOf(t, "/bin/sleep", "runs-on"), filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	b := startBridge(t, "--profile", "linux-exec", "--profile", "linux-files", "--target", strconv.Itoa(os.Getpid()), "--open-after", "1s")
	sleep := exec.Command(program, "60")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleep.Wait()
	defer sleep.Process.Kill()
	opened := make(chan int)
	go func() {
		fd, _ := unix.Open(fifo, unix.O_RDONLY|unix.O_CLOEXEC, 0) // until somebody writes
		opened <- fd
	}()
	told := make(map[string]*otlpLog)
	eventually(t, "records of both", func() bool {
		for _, l := range b.logs() {
			switch {
			case l.Attrs["process.executable.path"] == program:
				told[program] = &l
			case l.Attrs["file.path"] == fifo:
				told[fifo] = &l
			}
		}
		return len(told) == 2
	})
	fd, err := unix.Open(fifo, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	unix.Close(<-opened)
	r := b.stop()
	r.mustClose(t)
	for what, l := range told {
		age, _ := l.Attrs["spanbridge.running.duration"].(float64)
		if l.EventName != "spanbridge.operation.running" || age < 1 || l.Attrs["spanbridge.unfinished"] != true || l.Resource["service.name"] != "linux" {
			t.Errorf("record %+v", l)
		}
		span := r.spanOf(l.SpanID)
		if span == nil || span.TraceID != l.TraceID || span.duration() < time.Second || span.Status.Code != 0 {
			t.Fatalf("%s: record %+v, span %+v", what, l, span)
		}
		if unfinished := span.Attrs["spanbridge.unfinished"] == true; unfinished != (what == program) {
			t.Errorf("%s: span %+v", what, span)
		}
	}
	if l := told[program]; l.Attrs["process.pid"] != int64(sleep.Process.Pid) || !strings.HasPrefix(l.Body.String, "runs-on has been running for ") {
		t.Errorf("record %+v", l)
	}
	if of := r.ledger["linux-exec/process/raw"]; of["open"] != 1 || of["unfinished"] != 1 {
		t.Errorf("ledger %v", of)
	}
}

func TestLinuxSyscallsCountsEveryCall(t *testing.T) {
	const name = "spanbridge.linux.syscall.duration"
	pauses := 0
	r := observeLinux(t, "linux-syscalls", func() {
		for range times {
			syscall.Getppid()
			if err := syscall.Kill(1<<30, 0); err != syscall.ESRCH {
				t.Fatal(err)
			}
			pause := unix.NsecToTimespec((20 * time.Millisecond).Nanoseconds())
			for err := error(unix.EINTR); err == unix.EINTR; pauses++ { // by Go's scheduler
				err = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &pause, nil)
			}
		}
	})
	for _, want := range []struct {
		attrs map[string]any
		calls int
	}{
		{map[string]any{"spanbridge.syscall.name": "getppid"}, times},
		{map[string]any{"spanbridge.syscall.name": "kill", "spanbridge.errno": "ESRCH"}, times},
		{map[string]any{"spanbridge.syscall.name": "clock_nanosleep"}, pauses},
	} {
		if n, _ := r.counted(t, name, want.attrs); n != int64(want.calls) {
			t.Errorf("%v: %d calls counted, want %d", want.attrs, n, want.calls)
		}
	}
	if _, sum := r.counted(t, name, map[string]any{"spanbridge.syscall.name": "clock_nanosleep"}); sum < times*0.02 || sum > 3*times*0.02 {
		t.Errorf("%d pauses of 20 ms took %f s", times, sum)
	}
	// Those that were interrupted may have been short.
	if slow := len(r.with("clock_nanosleep", "spanbridge.syscall.name", "clock_nanosleep")); slow < times || slow > pauses {
		t.Errorf("%d spans of %d pauses, %d of them whole", slow, pauses, times)
	}
	if fast := r.with("getppid", "spanbridge.syscall.name", "getppid"); len(fast) != 0 {
		t.Errorf("%d spans of calls below the threshold", len(fast))
	}
}

func TestLinuxFilesSeesEveryOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "opened")
	missing := path + ".not"
	beside := countBeside(t, fmt.Sprintf(
		`tracepoint:syscalls:sys_enter_openat / pid == %d && str(args->filename) == "%s" / { @ = count(); }`, os.Getpid(), path))
	r := observeLinux(t, "linux-files", func() {
		for range times {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("x"); err != nil {
				t.Fatal(err)
			}
			if _, err := f.ReadAt(make([]byte, 1), 0); err != nil {
				t.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
			f.Close()
			if _, err := os.Open(missing); !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	})
	if n := beside.stop(t); n != times {
		t.Errorf("bpftrace counts %d of %d", n, times)
	}
	opens := r.with("open", "file.path", path)
	wantNumber(t, "opens", opens, times)
	for _, s := range opens {
		if fd, _ := s.Attrs["spanbridge.result"].(int64); fd <= 2 || s.Status.Code != 0 {
			t.Errorf("%v", s.Attrs)
		}
	}
	failed := r.with("open", "file.path", missing)
	wantNumber(t, "opens of what is not there", failed, times)
	for _, s := range failed {
		if s.Attrs["error.type"] != "ENOENT" || s.Attrs["spanbridge.result"] != -int64(syscall.ENOENT) || s.Status.Code != 2 {
			t.Errorf("%v", s.Attrs)
		}
	}
	syncs := r.with("sync", "file.name", "opened")
	wantNumber(t, "syncs", syncs, times)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range syncs {
		if s.Attrs["spanbridge.file.inode"] != int64(info.Sys().(*syscall.Stat_t).Ino) || s.Attrs["spanbridge.file.system"] == "" {
			t.Errorf("%v", s.Attrs)
		}
	}
	// Only those of regular files: the test writes into pipes too.
	for _, name := range []string{"read", "write"} {
		if n, _ := r.counted(t, "spanbridge.linux.file."+name+".duration", nil); n < times {
			t.Errorf("%s: %d calls counted, want at least %d", name, n, times)
		}
	}
}

// exchange opens a connection, sends and receives, and closes it at both ends.
func exchange(t *testing.T, to net.Listener, sent, received int) {
	t.Helper()
	client, err := net.Dial("tcp", to.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := to.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []struct {
		from, to net.Conn
		bytes    int
	}{{client, server, sent}, {server, client, received}} {
		if _, err := way.from.Write(make([]byte, way.bytes)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(way.to, make([]byte, way.bytes)); err != nil {
			t.Fatal(err)
		}
	}
	client.Close()
	server.Read(make([]byte, 1)) // until it knows
	server.Close()
}

func listen(t *testing.T) (net.Listener, int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, int64(l.Addr().(*net.TCPAddr).Port)
}

func TestLinuxTCPSeesEveryConnection(t *testing.T) {
	l, port := listen(t)
	refusing, refused := listen(t)
	refusing.Close()
	const sent, received = 1000, 500
	beside := countBeside(t, fmt.Sprintf(
		`tracepoint:sock:inet_sock_set_state / args->newstate == 2 && args->dport == %d / { @ = count(); }`, port))
	r := observeLinux(t, "linux-tcp", func() {
		for range times {
			exchange(t, l, sent, received)
			if _, err := net.Dial("tcp", refusing.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatal(err)
			}
		}
	})
	if n := beside.stop(t); n != times {
		t.Errorf("bpftrace counts %d of %d", n, times)
	}
	connects := r.with("connect", "network.peer.port", port)
	wantNumber(t, "connects", connects, times)
	locals := make(map[any]bool)
	for _, s := range connects {
		locals[s.Attrs["network.local.port"]] = true
		if s.Attrs["network.peer.address"] != "127.0.0.1" || s.Attrs["network.type"] != "ipv4" || s.Status.Code != 0 || s.Kind != 3 {
			t.Errorf("%v", s.Attrs)
		}
	}
	if len(locals) != times || locals[int64(0)] {
		t.Errorf("local ports %v", locals)
	}
	failed := r.with("connect", "network.peer.port", refused)
	wantNumber(t, "refused connects", failed, times)
	for _, s := range failed {
		if s.Attrs["error.type"] != "ECONNREFUSED" || s.Status.Code != 2 {
			t.Errorf("%v", s.Attrs)
		}
	}
	clients := r.with("connection", "network.peer.port", port)
	wantNumber(t, "connections of clients", clients, times)
	accepted := r.with("connection", "network.local.port", port)
	wantNumber(t, "connections of the server", accepted, times)
	for _, s := range clients {
		wantBytes(t, s, sent, received)
	}
	for _, s := range accepted {
		wantBytes(t, s, received, sent)
	}
	r.wantAdded(t, "spanbridge.linux.tcp.io", "By", "transmit", "connection", "spanbridge.tcp.sent.bytes")
	r.wantAdded(t, "spanbridge.linux.tcp.io", "By", "receive", "connection", "spanbridge.tcp.received.bytes")
}

// wantBytes checks what a connection has carried: SYN and FIN are acknowledged as
// bytes are.
func wantBytes(t *testing.T, s *otlpSpan, sent, received int64) {
	t.Helper()
	s0, _ := s.Attrs["spanbridge.tcp.sent.bytes"].(int64)
	r0, _ := s.Attrs["spanbridge.tcp.received.bytes"].(int64)
	if s0 < sent || s0 > sent+2 || r0 < received || r0 > received+2 {
		t.Errorf("%d bytes sent and %d received, want %d and %d", s0, r0, sent, received)
	}
}

func TestLinuxWireCountsPacketsOfEveryConnection(t *testing.T) {
	l, port := listen(t)
	const sent, received = 100_000, 300
	r := observeLinux(t, "linux-wire", func() {
		for range times {
			exchange(t, l, sent, received)
		}
	})
	accepted := r.with("connection", "network.local.port", port)
	wantNumber(t, "connections", accepted, times)
	for _, s := range accepted {
		a := func(key string) int64 { n, _ := s.Attrs["spanbridge.tcp."+key].(int64); return n }
		wantBytes(t, s, received, sent)
		data, all := a("received.data_packets"), a("received.packets")
		if data < 1 || data > sent || all <= data || a("sent.packets") < 2 || a("segment.bytes") < 500 {
			t.Errorf("%v", s.Attrs)
		}
	}
	for _, want := range [][4]string{
		{"io", "By", "transmit", "sent.bytes"}, {"io", "By", "receive", "received.bytes"},
		{"packets", "{packet}", "transmit", "sent.packets"}, {"packets", "{packet}", "receive", "received.packets"},
		{"retransmits", "{packet}", "", "retransmits"},
	} {
		r.wantAdded(t, "spanbridge.linux.wire."+want[0], want[1], want[2], "connection", "spanbridge.tcp."+want[3])
	}
}

// Counters are of every connection, also where filters and sampling leave all spans out.
func TestLinuxTCPAddsUpWhatSpansLeaveOut(t *testing.T) {
	l, _ := listen(t)
	const sent, received = 100_000, 300
	b := startBridge(t, "--profile", "linux-tcp", "--target", strconv.Itoa(os.Getpid()),
		"--min-duration", "1h", "--sample", "0.0001", "--export", "prometheus:127.0.0.1:0")
	url := b.metricsURL()
	for range times {
		exchange(t, l, sent, received)
	}
	// Both ends are the test's. The last one may end a moment later.
	const least, most = times * (sent + received), times * (sent + received + 4) // with SYN and FIN
	got := make(map[string]int)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && (got["transmit"] < least || got["receive"] < least); {
		time.Sleep(50 * time.Millisecond)
		for _, m := range ioOfConnections.FindAllStringSubmatch(scrape(t, url), -1) {
			bytes, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			got[m[1]] = int(bytes)
		}
	}
	for _, direction := range []string{"transmit", "receive"} {
		if n := got[direction]; n < least || n > most {
			t.Errorf("%s: %d bytes, want %d and the ends of %d connections", direction, n, least, times)
		}
	}
	r := b.stop()
	r.mustClose(t)
	if n := len((&linuxRun{result: r}).with("connection", "network.transport", "tcp")); n != 0 {
		t.Errorf("%d spans of connections", n)
	}
}

var ioOfConnections = regexp.MustCompile(`(?m)^spanbridge_linux_tcp_io_bytes_total\{network_io_direction="(\w+)",spanbridge_operation="connection"\} (\S+)$`)

// connected is how many sockets of a local port are connected (proc(5), /proc/net/tcp):
// a server closes its ends by itself. What only waits for late packets is closed.
func connected(t *testing.T, port int) (n int) {
	t.Helper()
	const local, state, listening, timeWait = 1, 3, "0A", "06"
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); strings.HasSuffix(f[local], fmt.Sprintf(":%04X", port)) && f[state] != listening && f[state] != timeWait {
			n++
		}
	}
	return n
}

// The place of tcpdump at a MySQL server: its connections alone, though the client and
// others have some.
func TestLinuxWireCountsTheConnectionsOfAServer(t *testing.T) {
	server, err := servers.StockMariaDB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	const text = 10_000 // bytes of each statement
	r := observeLinux(t, "linux-wire", func() {
		for range times {
			db, err := sql.Open("mysql", server.DSN)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), "DO '"+strings.Repeat("x", text)+"'"); err != nil {
				t.Fatal(err)
			}
			db.Close()
		}
		eventually(t, "the ends of the server's connections", func() bool { return connected(t, server.Port) == 0 })
	}, "--target", strconv.Itoa(server.PID))
	if n := len(r.with("connection", "network.local.port", int64(server.Port))); n != times || n != len(r.spans) {
		t.Errorf("%d of %d connections of the server, want %d", n, len(r.spans), times)
	}
	for _, s := range r.spans {
		received, _ := s.Attrs["spanbridge.tcp.received.bytes"].(int64)
		packets, _ := s.Attrs["spanbridge.tcp.received.data_packets"].(int64)
		if s.Attrs["process.pid"] != int64(server.PID) || received < text || received > text+1000 || packets < 3 {
			t.Errorf("%v", s.Attrs)
		}
	}
}

func TestLinuxBlockSeesEveryRead(t *testing.T) {
	const size = 4096
	f, page := directFile(t, times*size, size)
	r := observeLinux(t, "linux-block", func() {
		for i := range times {
			if _, err := f.ReadAt(page, int64(i)*size); err != nil {
				t.Fatal(err)
			}
		}
	})
	reads := r.spansOf(func(s *otlpSpan) bool {
		return s.Name == "read" && s.Attrs["spanbridge.disk.io.bytes"] == int64(size) && s.Attrs["system.device"] != ""
	})
	// Each is a request, and the part of it in which the device has it.
	wantNumber(t, "reads", reads, 2*times)
	for _, metric := range []string{"request", "device"} {
		n, sum := r.counted(t, "spanbridge.linux.block."+metric+".duration", map[string]any{"disk.io.direction": "read"})
		if n != times || sum <= 0 {
			t.Errorf("%s: %d counted in %f s, want %d", metric, n, sum, times)
		}
		if n := r.added(t, "spanbridge.linux.block."+metric+".io", "By", map[string]any{"disk.io.direction": "read"}); n != times*size {
			t.Errorf("%s: %d bytes read, want %d", metric, n, times*size)
		}
	}
}

// directFile makes a file whose reads go around the page cache, and what they may read into.
func directFile(t *testing.T, size, buffer int) (*os.File, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "direct")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	pages, err := unix.Mmap(-1, 0, buffer, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(pages) })
	return f, pages
}

// iocb is struct iocb of linux/aio_abi.h, for a read: IOCB_CMD_PREAD is 0.
type iocb struct {
	_             [5]uint32
	fd            uint32
	buffer, bytes uint64
	offset        int64
	_             [2]uint64
}

// Requests that are merged while they are in the queue are told with what they have become.
func TestLinuxBlockCountsTheBytesOfMergedRequests(t *testing.T) {
	const size, n = 4096, 23
	f, page := directFile(t, n*size, n*size)
	var queue uintptr
	if _, _, errno := unix.Syscall(unix.SYS_IO_SETUP, n, uintptr(unsafe.Pointer(&queue)), 0); errno != 0 {
		t.Fatal(errno)
	}
	defer unix.Syscall(unix.SYS_IO_DESTROY, queue, 0, 0)
	requests, pointers := make([]iocb, n), make([]*iocb, n)
	for i := range requests {
		requests[i] = iocb{fd: uint32(f.Fd()), buffer: uint64(uintptr(unsafe.Pointer(&page[i*size]))), bytes: size, offset: int64(i * size)}
		pointers[i] = &requests[i]
	}
	r := observeLinux(t, "linux-block", func() {
		// All at once: the kernel makes few of them (block/blk-merge.c).
		submitted, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, queue, n, uintptr(unsafe.Pointer(&pointers[0])))
		if submitted != n {
			t.Fatal(submitted, errno)
		}
		var events [n]struct{ data, object, result, result2 uint64 }
		if got, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, queue, n, n, uintptr(unsafe.Pointer(&events[0])), 0, 0); got != n {
			t.Fatal(got, errno)
		}
	})
	var told int64
	requested := 0
	for _, s := range r.spansOf(func(s *otlpSpan) bool { return s.Name == "read" && s.Attrs["process.pid"] == int64(os.Getpid()) }) {
		bytes, _ := s.Attrs["spanbridge.disk.io.bytes"].(int64)
		told += bytes
		requested++
	}
	t.Logf("%d reads in %d requests", n, requested/2)
	for _, metric := range []string{"request", "device"} {
		if got := r.added(t, "spanbridge.linux.block."+metric+".io", "By", map[string]any{"disk.io.direction": "read"}); got != n*size {
			t.Errorf("%s: %d bytes, want %d", metric, got, n*size)
		}
	}
	if told != 2*n*size || requested >= 2*n {
		t.Errorf("%d spans of requests and devices tell %d bytes, want %d", requested, told, 2*n*size)
	}
}

// runDelay is how long the threads of this process have waited for a processor, and
// how often they have run (Documentation/scheduler/sched-stats.rst).
func runDelay(t *testing.T, tid int) (waited time.Duration, runs int64) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/schedstat", tid))
	if err != nil {
		t.Fatal(err)
	}
	var onCPU int64
	if _, err := fmt.Sscan(string(data), &onCPU, &waited, &runs); err != nil {
		t.Fatal(err)
	}
	return waited, runs
}

func TestLinuxRunqMeasuresWhatTheSchedulerAccounts(t *testing.T) {
	const busy = 400 * time.Millisecond
	type thread struct {
		tid    int
		waited time.Duration
	}
	var all []thread
	r := observeLinux(t, "linux-runq", func() {
		done := make(chan thread)
		for range 3 {
			go func() {
				runtime.LockOSThread() // and the thread ends with the goroutine
				var one unix.CPUSet
				one.Set(0)
				if err := unix.SchedSetaffinity(0, &one); err != nil {
					t.Error(err)
				}
				tid := unix.Gettid()
				before, _ := runDelay(t, tid)
				for start := time.Now(); time.Since(start) < busy; {
				}
				after, _ := runDelay(t, tid)
				done <- thread{tid, after - before}
			}()
		}
		for range 3 {
			all = append(all, <-done)
		}
	})
	for _, one := range all {
		var seen time.Duration
		short := 0
		for _, s := range r.with("run queue", "thread.id", int64(one.tid)) {
			seen += s.duration()
			if s.Attrs["process.pid"] != int64(os.Getpid()) || s.duration() < 10*time.Millisecond {
				short++
			}
		}
		t.Logf("thread %d waited %s, of which %s in waits above the threshold", one.tid, one.waited, seen)
		if short > 0 || seen > one.waited+one.waited/20+time.Millisecond {
			t.Errorf("thread %d: %s in spans, the scheduler says %s", one.tid, seen, one.waited)
		}
	}
	n, sum := r.counted(t, "spanbridge.linux.runqueue.duration", nil)
	var waited time.Duration
	for _, one := range all {
		waited += one.waited
	}
	if seen := time.Duration(sum * 1e9); n == 0 || seen < waited-waited/20 {
		t.Errorf("%d waits of %s in all, the scheduler says %s of three threads alone", n, seen, waited)
	}
}

func TestLinuxLocksSeesEveryWait(t *testing.T) {
	const futexWait, private = 0, 128
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	word := uintptr(unsafe.Pointer(&page[0]))
	timeout := unix.NsecToTimespec((5 * time.Millisecond).Nanoseconds())
	r := observeLinux(t, "linux-locks", func() {
		for range times {
			_, _, errno := unix.Syscall6(unix.SYS_FUTEX, word, futexWait|private, 0, uintptr(unsafe.Pointer(&timeout)), 0, 0)
			if errno != unix.ETIMEDOUT {
				t.Fatal(errno)
			}
		}
	})
	waits := r.with("futex wait", "spanbridge.futex.address", int64(word))
	wantNumber(t, "waits", waits, times)
	for _, s := range waits {
		if s.Attrs["spanbridge.errno"] != "ETIMEDOUT" || s.Attrs["spanbridge.futex.operation"] != "wait" || s.duration() < 5*time.Millisecond || s.Status.Code != 0 {
			t.Errorf("%v for %s", s.Attrs, s.duration())
		}
	}
}

func TestTargetsOfTheHostCanBeAContainer(t *testing.T) {
	group := "/sys/fs/cgroup/pids/docker/" + dockerID
	if err := os.MkdirAll(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.Remove(group)
		os.Remove(filepath.Dir(group))
	})
	path := filepath.Join(t.TempDir(), "opened-inside")
	inside := exec.Command("sh", "-c", fmt.Sprintf("read go; for i in%s; do : > %s; done; read go", strings.Repeat(" x", times), path))
	start, err := inside.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(group+"/cgroup.procs", []byte(strconv.Itoa(inside.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	r := observeLinux(t, "linux-files", func() {
		io.WriteString(start, "\n")
		for range times { // outside
			f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		io.WriteString(start, "\n")
		if err := inside.Wait(); err != nil {
			t.Fatal(err)
		}
	}, "--container", dockerID[:12])
	opens := r.with("open", "file.path", path)
	if len(opens) != times {
		t.Errorf("%d opens, want %d", len(opens), times)
	}
	for _, s := range r.spans {
		if s.Attrs["process.pid"] != int64(inside.Process.Pid) {
			t.Fatalf("process %v is outside of the container", s.Attrs["process.pid"])
		}
	}
}
