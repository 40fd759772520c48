// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

// The captures of the MariaDB plugin's tier.
const costProfile = `
profile: fixture
match: {executables: [fixture]}
system: mariadb
dialect: mysql
operations:
  query:
    recursive: true
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:query__start
          capture:
            connection: {arg: 1, type: u64}
            namespace: {arg: 2, type: string}
            user: {arg: 3, type: string}
            host: {arg: 4, type: string}
            start_ns: {arg: 5, type: u64}
        done:
          probe: usdt:exe:fixture:query__done
          capture:
            status: {arg: 0, type: i32}
            error: {arg: 1, type: u32}
            query_id: {arg: 2, type: u64}
            text: {arg: 4, type: sql, length: {arg: 5}}
`

// The captures of MySQL's tier uprobe: at the start the command and whether there
// are query attributes, at the end 12 values behind the pointers of a session.
const sessionProfile = `
profile: fixture
match: {executables: [fixture]}
system: mysql
dialect: mysql
operations:
  query:
    keep: set @traceparent
    tiers:
      - tier: usdt
        follows: true
        start:
          probe: usdt:exe:fixture:command__start
          when: {arg: 2, type: u32, in: [3, 23]}
          capture:
            command: {arg: 2, type: u32}
            context: {arg: 1, type: traceparent}
        done:
          probe: usdt:exe:fixture:command__done
          capture:
            connection: {arg: 0, type: u64, offsets: [0]}
            namespace: {arg: 0, type: string, max: 256, offsets: [24]}
            user: {arg: 0, type: string, max: 128, offsets: [8, 0]}
            address: {arg: 0, type: string, offsets: [8, 8]}
            status: {arg: 0, type: u32, offsets: [16, 0], equals: 3}
            error: {arg: 0, type: u32, offsets: [16, 4], if: status}
            ok: {arg: 0, type: u32, offsets: [16, 0], equals: 1}
            affected: {arg: 0, type: u64, offsets: [16, 8], if: ok}
            sent: {arg: 0, type: u64, offsets: [48]}
            examined: {arg: 0, type: u64, offsets: [56]}
            text: {arg: 0, type: sql, offsets: [32], length: {arg: 0, offsets: [40]}}
`

// The captures of PostgreSQL's transactions.
const transactionProfile = `
profile: fixture
match: {executables: [fixture]}
system: postgresql
dialect: postgresql
operations:
  query:
    apart: true
    only: explicit
    metric: fixture.transaction.duration
    by: [outcome, namespace]
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:command__start
          capture:
            session: {arg: 0, type: u64}
            connection: {arg: 0, type: u64, offsets: [0]}
            explicit: {constant: 0, type: u8}
        done:
          probe: usdt:exe:fixture:command__done
          capture:
            outcome: {constant: 1, type: u8}
            namespace: {captured: session, type: string, offsets: [24]}
            user: {captured: session, type: string, offsets: [8, 0]}
            address: {captured: session, type: string, offsets: [8, 8]}
`

// method is one way to watch a copy of the fixture, which keeps the probes of
// one method from those of another.
type method struct {
	name    string
	kind    string // of the statements that the fixture fires
	attach  func(testing.TB, *fixture)
	fixture *fixture
	ns      []float64 // of a pair of start and done, by slice
}

func (m *method) slice(t testing.TB, pairs int) {
	t.Helper()
	ns, err := strconv.ParseFloat(m.fixture.do(m.kind+strconv.Itoa(pairs)), 64)
	if err != nil {
		t.Fatal(err)
	}
	m.ns = append(m.ns, ns)
}

// attachEmpty attaches sleepable programs that do nothing.
func attachEmpty(t testing.TB, f *fixture) {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti, Flags: 1 << 4, // BPF_F_SLEEPABLE
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}, License: "Dual BSD/GPL",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	file, err := os.Open(f.cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found, err := usdt.ParseReaderAt(file)
	if err != nil {
		t.Fatal(err)
	}
	executable, err := link.OpenExecutable(f.cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	var o link.UprobeMultiOptions
	for _, name := range []string{"query__start", "query__done", "command__start", "command__done"} {
		for _, site := range found.Find("fixture", name).Sites {
			o.Addresses = append(o.Addresses, site.Offset)
		}
	}
	l, err := executable.UprobeMulti(nil, program, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// attachBridge attaches the programs, and reads what they send.
func attachBridge(profile string, cfg probes.Config) func(testing.TB, *fixture) {
	return func(t testing.TB, f *fixture) {
		o := observe(t, f, profile, cfg)
		var reader sync.WaitGroup
		reader.Go(func() {
			var r bridge.Record
			for {
				if err := o.session.Next(&r); err != nil && !errors.Is(err, bridge.ErrIdle) {
					return
				}
			}
		})
		t.Cleanup(func() {
			if c := o.counts("query"); c.Lost() > 0 || c.Paired != c.Starts || c.Paired == 0 {
				t.Errorf("counts %+v", c)
			}
			o.session.Close()
			reader.Wait()
		})
	}
}

const bpftraceScript = `
usdt:%[1]s:fixture:query__start { @start[tid] = nsecs; }
usdt:%[1]s:fixture:query__done /@start[tid]/ {
	printf("%%d %%d %%s\n", nsecs - @start[tid], arg0, str(arg4, arg5));
	delete(@start[tid]);
}
`

// attachBpftrace has bpftrace print the duration, status and text only: its stack
// has no room for another string.
func attachBpftrace(t testing.TB, f *fixture) {
	t.Helper()
	cmd := exec.Command("bpftrace", "-B", "full", "-e", fmt.Sprintf(bpftraceScript, f.cmd.Path))
	cmd.Env = append(os.Environ(), "BPFTRACE_STRLEN=112")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for line, said := "", ""; !strings.Contains(line, "Attaching"); said += line {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("bpftrace has ended: %s", said)
		}
	}
	go io.Copy(io.Discard, lines)
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	probed := func() bool {
		before, after := f.do("p1000"), f.do("p1000")
		a, _ := strconv.ParseFloat(before, 64)
		b, _ := strconv.ParseFloat(after, 64)
		return min(a, b) > 300
	}
	eventually(t, "bpftrace has attached its probes", probed)
}

var thorough = flag.Bool("thorough", false, "measure costs as for docs/overhead.md, three times as long")

// slicesOf is how many slices are measured: so many if thorough.
func slicesOf(n int) int {
	if *thorough {
		return n
	}
	return n / 3
}

// TestKernelCost measures what a pair of start and done costs the thread, in
// slices of milliseconds that take turns, so that what else the machine does
// meets all methods alike.
func TestKernelCost(t *testing.T) {
	binary, err := os.ReadFile(compileFixture(t, "cost.c"))
	if err != nil {
		t.Fatal(err)
	}
	methods := []*method{
		{name: "no probe", kind: "p", attach: func(testing.TB, *fixture) {}},
		{name: "empty programs", kind: "p", attach: attachEmpty},
		{name: "spanbridge, nothing sent", kind: "p", attach: attachBridge(costProfile, probes.Config{MinDuration: 1 << 40})},
		{name: "spanbridge", kind: "p", attach: attachBridge(costProfile, probes.Config{})},
		{name: "spanbridge, attribution", kind: "p", attach: attachBridge(costProfile, probes.Config{
			Programs: probes.Programs{Attribution: true},
		})},
		{name: "session, nothing sent", kind: "s", attach: attachBridge(sessionProfile, probes.Config{MinDuration: 1 << 40})},
		{name: "session", kind: "s", attach: attachBridge(sessionProfile, probes.Config{})},
		{name: "transaction, counted only", kind: "s", attach: attachBridge(transactionProfile, probes.Config{})},
		{name: "transaction", kind: "s", attach: attachBridge(strings.Replace(transactionProfile, "constant: 0", "constant: 1", 1), probes.Config{})},
	}
	if _, err := exec.LookPath("bpftrace"); err == nil {
		methods = append(methods, &method{name: "bpftrace", kind: "p", attach: attachBpftrace})
	}
	for _, m := range methods {
		path := filepath.Join(t.TempDir(), "fixture")
		if err := os.WriteFile(path, binary, 0o755); err != nil {
			t.Fatal(err)
		}
		m.fixture = startFixture(t, path)
		m.attach(t, m.fixture)
		m.fixture.do(m.kind + "2000") // the thread's storage is made, and pages are faulted in
	}
	const pairs = 1000
	for range slicesOf(300) {
		for _, m := range methods {
			m.slice(t, pairs)
		}
	}
	least, middle := make(map[string]float64), make(map[string]float64)
	for _, m := range methods {
		slices.Sort(m.ns)
		least[m.name], middle[m.name] = m.ns[0], m.ns[len(m.ns)/2]
	}
	for _, m := range methods {
		t.Logf("%-26s minimum %6.0f ns (%.2f of empty), median %6.0f ns (%.2f of empty)", m.name,
			least[m.name], least[m.name]/least["empty programs"], middle[m.name], middle[m.name]/middle["empty programs"])
	}
	if ratio := least["spanbridge"] / least["empty programs"]; ratio > 3 {
		t.Errorf("spanbridge costs %.2f times of what empty programs cost, want at most 3", ratio)
	}
}
