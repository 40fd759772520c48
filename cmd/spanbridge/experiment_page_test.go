// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/bridge/inert"
	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/experiment"
)

// costs are a method of the longest name, with figures as wide as they get.
func costs() *cost.Result {
	wide := cost.Ratio{Value: 9.34, Low: 9.12, High: 9.99}
	saw := 1.0
	names := cost.Names()
	longest := slices.MaxFunc(names, func(x, y string) int { return len(x) - len(y) })
	return &cost.Result{Load: "mixed", Server: "MariaDB", Slices: 6, Slice: time.Second, Methods: []cost.Method{
		{Name: cost.Nothing, CPUMicros: 1234.5},
		{Name: longest, CPUMicros: 1234.5, CPU: wide, Throughput: cost.Ratio{Value: 0.5, Low: 0.25, High: 1.25}, P50: wide, P99: wide,
			BytesPerStatement: 1234, OutsideMicros: 123.4, Saw: &saw},
		{Name: "usdt", Missing: "the server has no USDT probes"},
	}}
}

func TestTheTableOfCostsKeepsToTheTerminal(t *testing.T) {
	for width, intervals := range map[int]int{0: 4, 80: 1, 149: 1, 150: 4} {
		var out bytes.Buffer
		if err := (experimentPage{&out, width}).draw(&outcome{Document: &experiment.Document{Cost: costs()}}); err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(out.String(), "\n\n")
		for line := range strings.Lines(table) {
			line = strings.TrimSpace(line)
			if n := inert.Columns(line); width > 0 && n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
			if n := strings.Count(line, " to "); strings.HasPrefix(line, "perfschema") && n != intervals {
				t.Errorf("%d intervals at a width of %d, want %d: %s", n, width, intervals, line)
			}
		}
	}
}
