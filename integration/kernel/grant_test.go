// SPDX-License-Identifier: Apache-2.0

//go:build integration && amd64

package kernel

import (
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf/features"
	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

// kinds are the ways by which programs get to run, and what they need there. Each
// is shown by what it brings; one that the kernel does not grant gives the reason
// as spanbridge tells it. docs/kernels.md is made of it, on every kernel that is
// tried, and holds what may be refused.
var kinds = []struct {
	name string
	show func(*testing.T, *fixture, *observer) (refused string)
}{
	{"uprobe", showSingleUprobes},
	{"uprobe.multi", showManyUprobes},
	{"uretprobe", showReturns},
	{"usdt", showSemaphores},
	{"sleepable", showSleeping},
	{"raw_tp", showEndOfThread},
	{"iter/task", showOpenOperations},
}

func TestKinds(t *testing.T) {
	f := startFixture(t, compileFixture(t, "probes.c"))
	_, call, _ := strings.Cut(returnProfile, "operations:\n")
	o := observe(t, f, fixtureProfile+call, probes.Config{})
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			if reason := kind.show(t, f, o); reason != "" {
				t.Attr("refused", reason)
			}
		})
	}
}

// kernelKinds are the same in the kernel, each with one operation of that name.
const kernelKinds = `
profile: kinds
operations:
  kprobe:
    tiers:
      - {tier: kernel, start: {probe: "kprobe:noop_fsync"}, done: {probe: "kretprobe:noop_fsync"}}
  fentry:
    tiers:
      - {tier: kernel, start: {probe: "fentry:noop_fsync"}, done: {probe: "fexit:noop_fsync"}}
  tracepoint:
    tiers:
      - {tier: kernel, start: {probe: "tracepoint:syscalls:sys_enter_fsync"}, done: {probe: "tracepoint:syscalls:sys_exit_fsync"}}
  rawtracepoint:
    tiers:
      - tier: kernel
        start: {probe: rawtracepoint:sys_enter, when: {field: id, type: u32, in: [74]}} # fsync
        done: {probe: rawtracepoint:sys_exit}
`

func TestKindsInTheKernel(t *testing.T) {
	o := observeHost(t, kernelKinds, probes.Config{})
	for _, kind := range []string{"kprobe", "fentry", "tracepoint", "rawtracepoint"} {
		t.Run(kind, func(t *testing.T) {
			if reason := o.unseen(kind); reason != "" {
				t.Attr("refused", reason)
				return
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			syncs(t, 1, 0)
			if all := o.own(kind); len(all) != 1 {
				t.Errorf("%d records of one call: %+v", len(all), all)
			}
		})
	}
}

func showSingleUprobes(t *testing.T, _ *fixture, _ *observer) string {
	single := settings()
	single.Single = true
	spec, err := bpf.Spec(single)
	if err != nil {
		t.Fatal(err)
	}
	objects := load(t, spec)
	f := startFixture(t, compileFixture(t, "probes.c"))
	attachSingly(t, objects, f.cmd.Path)
	f.do("enter 3 s:short 7", "leave 0")
	want := []string{`3 7 0 flags 0x20 "short" "short" of 5`}
	if diff := cmp.Diff(want, rawRecords(t, objects.Events, 1)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	return ""
}

func showManyUprobes(t *testing.T, f *fixture, o *observer) string {
	if features.HaveBPFLinkUprobeMulti() != nil {
		return refusal(t, "uprobe_multi")
	}
	return showReturns(t, f, o) // all links are of that kind then
}

// refusal is what spanbridge says of a check of the host that is not well.
func refusal(t *testing.T, check string) string {
	t.Helper()
	for _, c := range probes.CheckHost() {
		if c.Name == check && c.State != probes.StateOK {
			return c.Detail
		}
	}
	t.Errorf("spanbridge says nothing of %s", check)
	return ""
}

func showReturns(t *testing.T, f *fixture, o *observer) string {
	f.do("enter -5 null 7", "leave 1")
	want := map[string]int64{"kind": -5, "n": 7, "entered": -4, "status": 3, "left": 3}
	if diff := cmp.Diff(want, o.one().values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	return ""
}

const semaphoreProfile = `
profile: fixture
match: {executables: [fixture]}
operations:
  call:
    tiers:
      - tier: usdt
        start: {probe: "usdt:exe:fixture:call__start", capture: {n: {arg: 0, type: i32}}}
        done: {probe: "usdt:exe:fixture:call__done"}
`

func showSemaphores(t *testing.T, _ *fixture, _ *observer) string {
	f := startFixture(t, compileFixture(t, "semaphore.c"))
	if got := f.do(""); got != "0 0" {
		t.Errorf("semaphores %s before anybody observes", got)
	}
	o := observe(t, f, semaphoreProfile, probes.Config{})
	if got := f.do(""); got != "1 1" {
		t.Errorf("semaphores %s while they are observed", got)
	}
	if diff := cmp.Diff(map[string]int64{"n": 7}, o.one().values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	o.session.Close()
	if got := f.do(""); got != "0 0" {
		t.Errorf("semaphores %s after that", got)
	}
	return ""
}

// showSleeping has a program wait for a page that is not there yet.
func showSleeping(t *testing.T, f *fixture, o *observer) string {
	f.do("start coldrep:9000 9000 7 s:d s:u 0", done)
	if r := o.one(); r.texts["text"] != letters(4096) || r.Flags&bridge.FlagTextFault != 0 {
		t.Errorf("text %.40q, flags %#x", r.texts["text"], r.Flags)
	}
	return ""
}

func showEndOfThread(t *testing.T, f *fixture, o *observer) string {
	f.do("thread") // with an open operation
	c := o.counts("query")
	if c.Abandoned != 1 || c.Open != 0 {
		t.Errorf("counts %+v", c)
	}
	return ""
}

func showOpenOperations(t *testing.T, f *fixture, o *observer) string {
	f.do(start, start)
	if c := o.counts("query"); c.Open != 2 {
		t.Errorf("counts %+v", c)
	}
	return ""
}
