// SPDX-License-Identifier: Apache-2.0

//go:build integration && amd64

package kernel

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
)

// What package probes compiles for old kernels, by hand: enter(kind, text, n)
// opens an operation, leave(kind) ends it. Registers are those of the System V
// calling convention, in DWARF's numbers.
var (
	rdi = bpf.ProgramsArg{Kind: 2, Size: 4, Base: 5}
	rsi = bpf.ProgramsArg{Kind: 2, Size: 8, Base: 4}
	rdx = bpf.ProgramsArg{Kind: 2, Size: 8, Base: 1}
)

func oldSpecs() (enter, leave bpf.ProgramsSpec) {
	enter = bpf.ProgramsSpec{Captures: 4, When: 1<<3 | 1<<5, Guard: rdi}
	enter.Capture[0] = bpf.ProgramsCapture{Arg: rdi}
	enter.Capture[1] = bpf.ProgramsCapture{Arg: rdx, Slot: 1}
	enter.Capture[2] = bpf.ProgramsCapture{Arg: rsi, Type: 1, Role: 1, Max: 200} // string, the namespace
	enter.Capture[3] = bpf.ProgramsCapture{Arg: rsi, Type: 2, When: 1 << 3}      // text
	leave = bpf.ProgramsSpec{Captures: 1}
	leave.Capture[0] = bpf.ProgramsCapture{Arg: rdi, Slot: 2, Role: 3} // error number
	return enter, leave
}

// attachSingly attaches the programs by single uprobes.
func attachSingly(t *testing.T, objects *bpf.ProgramsObjects, path string) {
	t.Helper()
	enter, leave := oldSpecs()
	executable, err := link.OpenExecutable(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, site := range []struct {
		symbol  string
		program *ebpf.Program
		spec    bpf.ProgramsSpec
	}{{"leave", objects.Done, leave}, {"enter", objects.Start, enter}} {
		if err := objects.Sites.Put(uint32(i), site.spec); err != nil {
			t.Fatal(err)
		}
		l, err := executable.Uprobe(site.symbol, site.program, &link.UprobeOptions{Cookie: uint64(i)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	if err := objects.Ops.Put(uint32(0), bpf.ProgramsOpConfig{Sample: 1<<32 - 1}); err != nil {
		t.Fatal(err)
	}
}

func TestKernelRunsThePrograms(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	for _, old := range []bool{false, true} {
		name := "by single uprobes"
		if old {
			name += " and without bpf_copy_from_user_str"
		}
		t.Run(name, func(t *testing.T) {
			s := settings()
			s.Single = true
			s.Attribution = false
			spec, err := bpf.Spec(s)
			if err != nil {
				t.Fatal(err)
			}
			if old {
				withoutKfunc(t, spec)
			}
			objects := load(t, spec)
			attachSingly(t, objects, f.cmd.Path)
			f.do("enter 3 s:short 7", "leave 0",
				"enter 4 s:other 7", "leave 0", // does not open it
				"enter 5 cold:page 8", "leave 1064", // without text
				"enter 3 cross:across_two_pages 9", "leave 0",
				"enter 3 coldrep:9000 10", "leave 0",
				"enter 3 repend:5000 11", "leave 0",
				"enter 3 unmapped 12", "leave 0",
				"enter 3 kernel 13", "leave 0")
			want := []string{
				`3 7 0 flags 0x20 "short" "short" of 5`,
				`5 8 1064 flags 0x1 "page" "" of 0`,
				`3 9 0 flags 0x20 "across_two_pages" "across_two_pages" of 16`,
				fmt.Sprintf(`3 10 0 flags 0x22 %q %q of 0`, letters(199), letters(4096)),
				fmt.Sprintf(`3 11 0 flags 0x22 %q %q of 0`, letters(199), letters(4096)),
				`3 12 0 flags 0x2c "" "" of 0`,
				`3 13 0 flags 0x2c "" "" of 0`,
			}
			if diff := cmp.Diff(want, rawRecords(t, objects.Events, len(want))); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			var perCPU []bpf.ProgramsOpCounters
			if err := objects.Counters.Lookup(uint32(0), &perCPU); err != nil {
				t.Fatal(err)
			}
			// By their places in enum counter of bpf/record.h.
			got, wantCounts := make(map[string]uint64), map[string]uint64{"starts": 7, "dones": 7, "unwanted": 1}
			for name, i := range map[string]int{"starts": 0, "dones": 1, "unwanted": 17} {
				for _, c := range perCPU {
					got[name] += c.N[i]
				}
			}
			if diff := cmp.Diff(wantCounts, got); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}

// rawRecords reads so many records. Whether the times are known is left out: of a
// few operations they are not.
func rawRecords(t *testing.T, events *ebpf.Map, n int) (lines []string) {
	t.Helper()
	r, err := ringbuf.NewReader(events)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.SetDeadline(time.Now().Add(5 * time.Second))
	for range n {
		sample, err := r.Read()
		if err != nil {
			t.Fatalf("after %d records: %v", len(lines), err)
		}
		e := (*bpf.ProgramsEvent)(unsafe.Pointer(&sample.RawSample[0]))
		data := sample.RawSample[unsafe.Sizeof(*e):]
		name, text := e.Strings[0], data[e.TextOffset:]
		lines = append(lines, fmt.Sprintf("%d %d %d flags %#x %q %q of %d", e.Values[0], e.Values[1], e.Values[2],
			bridge.RecordFlags(e.Flags)&^bridge.FlagTimed,
			data[name.Offset:name.Offset+name.Length], text[:e.Head], e.TextLength))
	}
	return lines
}
