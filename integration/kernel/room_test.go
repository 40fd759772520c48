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
