// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// compileFixture builds a program of fixtures/, once for all tests, and returns a
// copy of the test's own: whatever runs from its file is the test's. Where there is
// no compiler, as in a small virtual machine, SPANBRIDGE_FIXTURES names the folder
// of programs built before, each under the name of its source file.
func compileFixture(t testing.TB, source string) string {
	t.Helper()
	dir := os.Getenv("SPANBRIDGE_FIXTURES")
	if dir == "" {
		dir = compiled
	}
	built := filepath.Join(dir, source)
	compiling.Lock()
	defer compiling.Unlock()
	if _, err := os.Stat(built); err != nil {
		out, err := exec.Command("gcc", "-O2", "-g", "-Wall", "-Werror", "-rdynamic", "-pthread", "-o", built,
			filepath.Join("fixtures", source)).CombinedOutput()
		if err != nil {
			t.Fatalf("compile %s: %v\n%s", source, err, out)
		}
	}
	program, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fixture")
	// No process that another test starts meanwhile may inherit the file while it is
	// written to: it could not be executed then (execve(2), ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	compiled  string // the folder of the programs that compileFixture has built
	compiling sync.Mutex
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "spanbridge-fixtures-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	compiled = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// fixture is a running program of fixtures/ that takes commands.
type fixture struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startFixture(t testing.TB, path string, args ...string) *fixture {
	t.Helper()
	f := &fixture{t: t, cmd: exec.Command(path, args...)}
	var err error
	if f.in, err = f.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	f.out = bufio.NewReader(out)
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.stop)
	f.await()
	return f
}

// stop ends the program; its threads are gone when it returns.
func (f *fixture) stop() {
	f.in.Close()
	f.cmd.Wait()
}

// do has the program carry out commands, one after the other, and returns the
// last answer.
func (f *fixture) do(commands ...string) (answer string) {
	f.t.Helper()
	for _, c := range commands {
		if _, err := fmt.Fprintln(f.in, c); err != nil {
			f.t.Fatalf("%s: %v", c, err)
		}
		answer = f.await()
	}
	return answer
}

func (f *fixture) await() string {
	f.t.Helper()
	line, err := f.out.ReadString('\n')
	if err != nil {
		f.t.Fatalf("the fixture has ended: %v", err)
	}
	return line[:len(line)-1]
}

// observer is a session that watches one fixture.
type observer struct {
	t       testing.TB
	session *probes.Session
}

// observe attaches a profile to a fixture, and to all other processes of its
// program unless the configuration names targets.
func observe(t testing.TB, f *fixture, profile string, cfg probes.Config) *observer {
	t.Helper()
	p, err := catalog.Parse("fixture.yaml", []byte(profile))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Profiles = []*catalog.Profile{p}
	if cfg.Targets == nil {
		cfg.Targets = []probes.Target{{Path: f.cmd.Path}}
	}
	if cfg.Detail == "" {
		cfg.Detail = catalog.DetailStages
	}
	cfg.Logf = t.Logf
	s, err := probes.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, target := range s.Report().Targets {
		if len(target.Unseen) > 0 {
			t.Fatalf("not all operations can be seen: %v", target.Reasons())
		}
	}
	if s.Report().Sites == 0 {
		t.Fatal("no probe is attached")
	}
	return &observer{t: t, session: s}
}

// record is a copy of a bridge.Record, by names.
type record struct {
	bridge.Record
	op     string
	values map[string]int64
	texts  map[string]string // also "text" and "tail"
}

// records drains the ring buffer.
func (o *observer) records() (all []record) {
	o.t.Helper()
	var r bridge.Record
	for {
		err := o.session.Next(&r)
		if errors.Is(err, bridge.ErrIdle) || errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			o.t.Fatal(err)
		}
		op := o.session.Operation(r.Op)
		c := record{Record: r, op: op.Name, values: map[string]int64{}, texts: map[string]string{
			"text": string(r.Text), "tail": string(r.Tail),
		}}
		c.Record.Text, c.Record.Tail, c.Record.Strings = nil, nil, [bridge.MaxStrings][]byte{}
		c.Record.Entries = append([]bridge.Entry(nil), r.Entries...)
		c.Record.Waits = append([]bridge.Wait(nil), r.Waits...)
		for _, f := range op.Fields {
			if f.Type >= bridge.FieldString {
				c.texts[f.Name] = string(r.Strings[f.Slot])
			} else {
				c.values[f.Name] = int64(r.Values[f.Slot])
			}
		}
		all = append(all, c)
	}
}

// one expects a single record.
func (o *observer) one() record {
	o.t.Helper()
	all := o.records()
	if len(all) != 1 {
		o.t.Fatalf("got %d records, want 1: %+v", len(all), all)
	}
	return all[0]
}

// counts returns what the kernel side counted of an operation, after checking
// that all of it adds up.
func (o *observer) counts(name string) bridge.OpCounts {
	o.t.Helper()
	// What a thread does meanwhile, as it ends, may be read half: then it is read again.
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		found, err := o.countsOnce(name)
		if err == nil || time.Now().After(deadline) {
			if err != nil {
				o.t.Errorf("the counts do not add up: %v", err)
			}
			return found
		}
	}
}

func (o *observer) countsOnce(name string) (bridge.OpCounts, error) {
	o.t.Helper()
	all, err := o.session.Counts()
	if err != nil {
		o.t.Fatal(err)
	}
	var found *bridge.OpCounts
	ledger := bridge.Ledger{Ops: all}
	for i := range all {
		op := o.session.Operation(all[i].Op)
		ledger.Names = append(ledger.Names, op.Name)
		ledger.Records.Received += all[i].Submitted + all[i].Unfinished
		ledger.Records.Unknown += all[i].Submitted + all[i].Unfinished
		if op.Name == name {
			found = &all[i]
		}
	}
	if found == nil {
		o.t.Fatalf("no operation %s", name)
	}
	return *found, ledger.Check()
}

// histogram returns the sum of an operation's histograms, and how many there are.
func (o *observer) histograms(name string) []bridge.HistogramPoint {
	o.t.Helper()
	all, err := o.session.Histograms()
	if err != nil {
		o.t.Fatal(err)
	}
	var of []bridge.HistogramPoint
	for _, p := range all {
		if o.session.Operation(p.Op).Name == name {
			of = append(of, p)
		}
	}
	return of
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}
