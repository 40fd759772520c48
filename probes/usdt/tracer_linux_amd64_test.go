// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// traced is a program run under ptrace, with a breakpoint at every site.
type traced struct {
	pid   int
	maps  []mapping
	sites map[uint64]tracedSite // by run-time address
}

type tracedSite struct {
	probe string
	Site
}

type mapping struct {
	start, end, offset uint64
	flags              string
}

// traceHits runs the program and returns a line for each hit: the probe's name
// and the values of its arguments, read as Arg describes. The counters of the
// probes in enabled are raised first.
func traceHits(t *testing.T, path string, f *File, enabled ...string) []string {
	t.Helper()
	// All ptrace requests must come from the thread that is the tracer.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		t.Skipf("ptrace is not allowed here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	p := &traced{pid: cmd.Process.Pid, sites: map[uint64]tracedSite{}}
	defer func() { // both fail if the program has ended
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if s := p.wait(t); s.StopSignal() != syscall.SIGTRAP {
		t.Fatalf("program did not stop at its start: %v", s)
	}
	p.readMaps(t, path)
	p.arm(t, f, enabled)
	var hits []string
	for {
		if err := syscall.PtraceCont(p.pid, 0); err != nil {
			t.Fatal(err)
		}
		s := p.wait(t)
		if s.Exited() {
			if s.ExitStatus() != 0 {
				t.Fatalf("program ended with status %d", s.ExitStatus())
			}
			return hits
		}
		if s.StopSignal() != syscall.SIGTRAP {
			t.Fatalf("program stopped by %v", s.StopSignal())
		}
		hits = append(hits, p.hit(t))
	}
}

func (p *traced) wait(t *testing.T) syscall.WaitStatus {
	t.Helper()
	var s syscall.WaitStatus
	if _, err := syscall.Wait4(p.pid, &s, 0, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func (p *traced) readMaps(t *testing.T, path string) {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", p.pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if !strings.HasSuffix(lines.Text(), path) {
			continue
		}
		var m mapping
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s %x", &m.start, &m.end, &m.flags, &m.offset); err != nil {
			t.Fatal(err)
		}
		p.maps = append(p.maps, m)
	}
}

// address returns where the file's offset is mapped with a permission, as the
// kernel looks for uprobes and their counters.
func (p *traced) address(t *testing.T, offset uint64, flag string) uint64 {
	t.Helper()
	for _, m := range p.maps {
		if strings.Contains(m.flags, flag) && m.offset <= offset && offset-m.offset < m.end-m.start {
			return m.start + offset - m.offset
		}
	}
	t.Fatalf("offset %#x is not mapped %s", offset, flag)
	return 0
}

func (p *traced) arm(t *testing.T, f *File, enabled []string) {
	t.Helper()
	bias := map[uint64]bool{}
	for _, probe := range f.Probes {
		for _, s := range probe.Sites {
			if s.Instruction.Kind != Nop1 {
				t.Fatalf("%s: instruction is %v", probe.Name, s.Instruction.Kind)
			}
			at := p.address(t, s.Offset, "x")
			bias[at-s.Address] = true
			p.sites[at] = tracedSite{probe.Name, s}
			p.poke(t, at, 0xcc)
			if s.Semaphore == 0 {
				continue
			}
			counter := p.address(t, s.Semaphore, "w")
			bias[counter-s.SemaphoreAddress] = true
			for _, name := range enabled {
				if name == probe.Name {
					p.poke(t, counter, 1)
				}
			}
		}
	}
	if len(bias) != 1 {
		t.Fatalf("addresses and offsets disagree: load biases %v", bias)
	}
}

func (p *traced) poke(t *testing.T, address uint64, b byte) {
	t.Helper()
	if _, err := syscall.PtracePokeData(p.pid, uintptr(address), []byte{b}); err != nil {
		t.Fatal(err)
	}
}

// hit describes the stop at a breakpoint. The breakpoint has replaced a nop,
// so the program can go on behind it.
func (p *traced) hit(t *testing.T) string {
	t.Helper()
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(p.pid, &regs); err != nil {
		t.Fatal(err)
	}
	regs.Rip--
	s, ok := p.sites[regs.Rip]
	if !ok {
		t.Fatalf("stop at %#x, where no site is", regs.Rip)
	}
	words := []string{s.probe}
	for _, a := range s.Args {
		words = append(words, p.value(t, &regs, a))
	}
	return strings.Join(words, " ")
}

func (p *traced) value(t *testing.T, regs *syscall.PtraceRegs, a Arg) string {
	t.Helper()
	var raw [8]byte
	switch a.Kind {
	case Unavailable:
		return "?"
	case Const:
		binary.LittleEndian.PutUint64(raw[:], uint64(a.Disp))
	case InRegister:
		v := register(regs, a.Base)
		if a.High {
			v >>= 8
		}
		binary.LittleEndian.PutUint64(raw[:], v)
	case Memory, Indexed:
		address := register(regs, a.Base) + uint64(a.Disp)
		if a.Kind == Indexed {
			address += register(regs, a.Index) << a.Shift
		}
		if _, err := syscall.PtracePeekData(p.pid, uintptr(address), raw[:]); err != nil {
			t.Fatalf("read %s at %#x: %v", a, address, err)
		}
	}
	v := binary.LittleEndian.Uint64(raw[:])
	shift := 64 - 8*a.Size
	switch {
	case a.Float:
		return strconv.FormatFloat(math.Float64frombits(v), 'g', -1, 64)
	case a.Signed:
		return strconv.FormatInt(int64(v<<shift)>>shift, 10)
	}
	return strconv.FormatUint(v<<shift>>shift, 10)
}

func register(r *syscall.PtraceRegs, n Register) uint64 {
	if n == NoRegister {
		return 0
	}
	return [...]uint64{
		r.Rax, r.Rdx, r.Rcx, r.Rbx, r.Rsi, r.Rdi, r.Rbp, r.Rsp,
		r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rip,
	}[n]
}
