// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

// What enter returns is its first argument plus 1, and what leave returns plus 2.
const returnProfile = `
profile: fixture
match: {executables: [fixture]}
operations:
  call:
    tiers:
      - tier: uprobe
        start:
          probe: uprobe:exe:enter
          capture:
            kind: {arg: 0, type: i32}
            n: {arg: 2, type: u64}
        note:
          - probe: uretprobe:exe:enter
            capture:
              entered: {returned: true, type: i32}
        done:
          probe: uretprobe:exe:leave
          capture:
            status: {returned: true, type: i32}
            left: {returned: true, type: u8}
`

// Kernels before Linux 6.6 have a uprobe and a uretprobe for every site, later
// ones links to many.
func TestKernelReadsWhatFunctionsReturn(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, returnProfile, probes.Config{})
	for _, test := range []struct {
		name     string
		commands []string
		want     map[string]int64
		failed   bool
	}{
		{"in a note and at the end", []string{"enter -5 null 7", "leave 0x12fe"},
			map[string]int64{"kind": -5, "n": 7, "entered": -4, "status": 0x1300, "left": 0}, true},
		{"where it is 0", []string{"enter -1 null 0", "leave -2"},
			map[string]int64{"kind": -1, "n": 0, "entered": 0, "status": 0, "left": 0}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.do(test.commands...)
			r := o.one()
			if diff := cmp.Diff(test.want, r.values); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if r.Flags&bridge.FlagFailed != 0 != test.failed || r.Flags&bridge.FlagFault != 0 {
				t.Errorf("flags %#x", r.Flags)
			}
		})
	}
	if c := o.counts("call"); c.Starts != 2 || c.Notes != 2 || c.Paired != 2 {
		t.Errorf("counts %+v", c)
	}
}
