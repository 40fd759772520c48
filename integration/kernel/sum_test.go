// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes"
)

const writeProfile = `
profile: writes
operations:
  write:
    metric: write.duration
    by: fd
    min_duration: 1h
    sum:
      result: {counter: written, unit: By}
      asked: {counter: asked, unit: By, attributes: {way: out}}
    tiers:
      - tier: tracepoint
        start:
          probe: tracepoint:syscalls:sys_enter_pwrite64
          capture: {fd: {field: fd, type: u32}, asked: {field: count, type: u64}}
        done:
          probe: tracepoint:syscalls:sys_exit_pwrite64
          capture: {result: {field: ret, type: i64}, error: {field: ret, type: i64, errno: true}}
`

func TestKernelAddsUpTheValuesOfAllOperations(t *testing.T) {
	o := observeHost(t, writeProfile, probes.Config{})
	type sums struct {
		Calls           uint64
		Written, Wanted uint64
	}
	want := make(map[string]sums)
	const first = 700 // a descriptor that nobody else has
	for i, n := range []int{1, 23} {
		f, err := os.Create(filepath.Join(t.TempDir(), "written"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fd := first + i
		if err := syscall.Dup3(int(f.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(fd)
		for range n {
			if _, err := syscall.Pwrite(fd, make([]byte, 1000+i), 0); err != nil {
				t.Fatal(err)
			}
		}
		// An error number is no number of bytes.
		if _, err := syscall.Pwrite(fd, make([]byte, 7), -1); err != syscall.EINVAL {
			t.Fatal(err)
		}
		bytes := uint64(n * (1000 + i))
		want[strconv.Itoa(fd)] = sums{uint64(n) + 1, bytes, bytes + 7}
	}
	got := make(map[string]sums)
	for _, p := range o.histograms("write") {
		if _, ours := want[p.Namespace]; !ours {
			continue
		}
		s := got[p.Namespace]
		got[p.Namespace] = sums{s.Calls + p.Count, s.Written + p.Sums[0], s.Wanted + p.Sums[1]}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if all := o.own("write"); len(all) != len(want) { // those that failed
		t.Errorf("%d records, want %d", len(all), len(want))
	}
	if s := o.session.Operation(0).Sums; len(s) != 2 || s[0].Metric != "written" || s[1].Unit != "By" || s[1].Attrs[0].Str() != "out" {
		t.Errorf("sums %+v", s)
	}
}
