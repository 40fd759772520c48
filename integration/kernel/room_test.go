// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// TestKernelSaysHowMuchTextItHasRoomFor has the longest text that the kernel is said to have
// room for read, and a longer one refused.
func TestKernelSaysHowMuchTextItHasRoomFor(t *testing.T) {
	longest, err := bpf.LongestText(bpf.MaxTextHead)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", longest)
	if longest < 4096 {
		t.Fatalf("the default has no room: %d bytes", longest)
	}
	f := startFixture(t, compileFixture(t, "probes.c"))
	cfg := probes.Config{}
	cfg.TextHead = longest
	o := observe(t, f, fixtureProfile, cfg)
	f.do(fmt.Sprintf("start rep:%d %d 42 s:shop s:alice 0", longest, longest), "done 0 0 null 0")
	if r := o.one(); len(r.texts["text"]) != longest {
		t.Errorf("a text of %d bytes, want %d", len(r.texts["text"]), longest)
	}
	if longest == bpf.MaxTextHead {
		return
	}
	cfg.TextHead = longest + 1
	cfg.Profiles = catalog.Builtin()
	s, err := probes.Open(cfg)
	if err == nil {
		s.Close()
		t.Fatal("a longer text is not refused")
	}
	m := regexp.MustCompile(`--text-bytes (\d+) or less`).FindStringSubmatch(err.Error())
	if !errors.Is(err, probes.ErrKernel) || m == nil || m[1] != strconv.Itoa(longest) || !strings.Contains(err.Error(), strconv.Itoa(longest+1)) {
		t.Errorf("it is refused with %q", err)
	}
}

// No kernel has room for values of 64 KiB (BPF_LOCAL_STORAGE_MAX_VALUE_SIZE, include/linux/bpf_local_storage.h).
func TestKernelsRoomIsFoundByTrying(t *testing.T) {
	const beyond = 80 << 10
	longest, err := bpf.LongestText(beyond)
	if err != nil {
		t.Fatal(err)
	}
	if longest < 4096 || longest >= 64<<10 {
		t.Errorf("%d bytes", longest)
	}
	for size, want := range map[int]int{longest: longest, longest + 1: longest} {
		if got, err := bpf.LongestText(size); got != want || err != nil {
			t.Errorf("of %d bytes there is room for %d, %v", size, got, err)
		}
	}
}

// TestKernelSaysHowManyOperationsItHasRoomFor observes as many as take 16 KiB of a thread.
func TestKernelSaysHowManyOperationsItHasRoomFor(t *testing.T) {
	const operations = 24
	var profile strings.Builder
	profile.WriteString("profile: many\noperations:\n")
	for i := range operations {
		fmt.Fprintf(&profile, `  op%d:
    attributes: {command: command}
    tiers:
      - tier: raw
        start:
          probe: tracepoint:syscalls:sys_enter_getsid
          capture: {command: {task: comm, type: string, max: 256}}
        done: {probe: "tracepoint:syscalls:sys_exit_getsid"}
`, i)
	}
	p, err := catalog.Parse("many.yaml", []byte(profile.String()))
	if err != nil {
		t.Fatal(err)
	}
	fits, err := bpf.HasRoom(operations * 700)
	if err != nil {
		t.Fatal(err)
	}
	s, err := probes.Open(probes.Config{Profiles: []*catalog.Profile{p}, Logf: t.Logf})
	if !fits {
		if !errors.Is(err, probes.ErrKernel) || !strings.Contains(err.Error(), "24 operations at probes in the kernel: observe fewer") {
			t.Errorf("%d operations are refused with %v", operations, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	o := &observer{t: t, session: s}
	defer s.Close()
	unix.Getsid(0)
	if err := s.Drain(); err != nil {
		t.Fatal(err)
	}
	if c := o.counts("op23"); c.Paired == 0 || c.NoStorage != 0 {
		t.Errorf("counts %+v", c)
	}
}
