// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// The classic tools are there on every kernel of the matrix, with all that they tell.
func TestKernelServesTheProfilesOfTheHost(t *testing.T) {
	n := 0
	for _, p := range catalog.Builtin() {
		if !p.OfHost() {
			continue
		}
		n++
		t.Run(p.Name, func(t *testing.T) {
			s, err := probes.Open(probes.Config{Profiles: []*catalog.Profile{p}, Detail: catalog.DetailStages, Logf: t.Logf})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, h := range s.Report().Hosts {
				for _, op := range h.Unseen {
					if op.Name == "request" && !hasRawTracepoint(t, "block_io_start") {
						t.Logf("before Linux 6.5 without the queue: %v", op.Misses)
						continue
					}
					t.Errorf("%s: %v", op.Name, op.Misses)
				}
				for _, op := range h.Operations {
					if len(op.Missing) > 0 {
						t.Errorf("%s does not tell %v", op.Name, op.Missing)
					}
				}
			}
		})
	}
	if n != 8 {
		t.Errorf("%d profiles of the host, want 8", n)
	}
}

// hasRawTracepoint asks the kernel's types, without the code under test.
func hasRawTracepoint(t *testing.T, name string) bool {
	t.Helper()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var def *btf.Typedef
	return spec.TypeByName("btf_trace_"+name, &def) == nil
}

func TestKernelSeesEveryOpenOfAProcess(t *testing.T) {
	const n = 23
	source := strings.Replace(string(catalog.Find("linux-files").Source), "min_duration: 10ms", "min_duration: 0s", -1)
	o := observeHost(t, source, probes.Config{})
	path := filepath.Join(t.TempDir(), "opened")
	for range n {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("twelve bytes"); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	opens, writes := 0, 0
	for _, r := range o.records() {
		if int(r.TGID) != os.Getpid() {
			continue
		}
		switch {
		case r.op == "open" && r.texts["path"] == path:
			opens++
		case r.op == "write" && r.texts["name"] == "opened":
			writes++
			if r.values["result"] != 12 || r.texts["filesystem"] == "" || r.values["inode"] == 0 {
				t.Errorf("%v %v", r.values, r.texts)
			}
		}
	}
	if opens != n || writes != n {
		t.Errorf("%d opens and %d writes, want %d of each", opens, writes, n)
	}
}
