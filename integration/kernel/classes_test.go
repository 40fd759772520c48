// SPDX-License-Identifier: Apache-2.0

//go:build integration && amd64

package kernel

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes"
)

const classesProfile = `
profile: fixture
match: {executables: [fixture]}
operations:
  emulated:
    tiers:
      - {tier: uprobe, start: {probe: "uprobe:exe:emulated_start"}, done: {probe: "uprobe:exe:emulated_done"}}
  stepped:
    tiers:
      - {tier: uprobe, start: {probe: "uprobe:exe:stepped_start"}, done: {probe: "uprobe:exe:stepped_done"}}
  return:
    tiers:
      - {tier: uprobe, start: {probe: "uprobe:exe:returning"}, done: {probe: "uretprobe:exe:returning"}}
`

// The figures that are logged are those of docs/overhead.md, from which the report
// estimates what an operation costs.
func TestKernelCostOfSitesIsThatOfTheirClasses(t *testing.T) {
	f := startFixture(t, compileFixture(t, "classes.c"))
	o := observe(t, f, classesProfile, probes.Config{})
	got := make(map[string][]probes.Cost)
	estimates := make(map[string]int64)
	for _, op := range o.session.Report().Targets[0].Operations {
		estimates[op.Name] = op.CostNs
		for _, s := range op.Sites {
			got[op.Name] = append(got[op.Name], s.Cost)
		}
	}
	want := map[string][]probes.Cost{
		"emulated": {probes.CostEmulated, probes.CostEmulated},
		"stepped":  {probes.CostStepped, probes.CostStepped},
		"return":   {probes.CostEmulated, probes.CostReturn},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("classes of the sites (-want +got):\n%s", diff)
	}
	var emulated, stepped, returning int64
	if _, err := fmt.Sscan(f.do(""), &emulated, &stepped, &returning); err != nil {
		t.Fatal(err)
	}
	t.Logf("pair of emulated sites: %d ns, estimated %d", emulated, estimates["emulated"])
	t.Logf("pair of single-stepped sites: %d ns, estimated %d", stepped, estimates["stepped"])
	t.Logf("entry and return: %d ns, estimated %d", returning, estimates["return"])
	if stepped < 2*emulated || estimates["stepped"] < 2*estimates["emulated"] {
		t.Errorf("sites that are single-stepped are not much dearer than those that are emulated")
	}
}
