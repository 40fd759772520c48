// SPDX-License-Identifier: Apache-2.0

//go:build integration && amd64

package kernel

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/cilium/ebpf/link"

	"github.com/spanbridge/spanbridge/bpf"
)

// switching measures what a switch of threads costs with the scheduler's program
// and without it, in slices that take turns.
type switching struct {
	name string
	kind string    // of the fixture's threads
	ns   []float64 // of one switch, one a slice
	off  []float64
}

func (s *switching) slice(t *testing.T, f *fixture, rounds int) float64 {
	t.Helper()
	answer := f.do(fmt.Sprint(s.kind, rounds))
	ns, err := strconv.ParseFloat(answer, 64)
	if err != nil {
		t.Fatalf("answer %q: %v", answer, err)
	}
	return ns
}

// TestKernelCostOfASwitch measures what every switch of threads on the machine pays
// for the attribution of time.
func TestKernelCostOfASwitch(t *testing.T) {
	f := startFixture(t, compileFixture(t, "switch.c"))
	s := settings()
	s.Single = true
	spec, err := bpf.Spec(s)
	if err != nil {
		t.Fatal(err)
	}
	objects := load(t, spec)
	attachSingly(t, objects, f.cmd.Path)
	kinds := []*switching{
		{name: "threads of others", kind: "n"}, {name: "between operations", kind: "s"},
		{name: "in an operation, futex", kind: "f"}, {name: "in an operation, pipe", kind: "p"},
	}
	const repeats, rounds = 4, 1000
	for range slicesOf(60) {
		for _, k := range kinds {
			for range repeats {
				k.off = append(k.off, k.slice(t, f, rounds))
			}
		}
		l, err := link.AttachTracing(link.TracingOptions{Program: objects.ThreadSwitch})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range kinds {
			for range repeats {
				k.ns = append(k.ns, k.slice(t, f, rounds))
			}
		}
		l.Close()
	}
	for _, k := range kinds {
		t.Logf("%-24s minimum %5.0f ns more than %5.0f, median %5.0f ns more than %5.0f", k.name,
			slices.Min(k.ns)-slices.Min(k.off), slices.Min(k.off), median(k.ns)-median(k.off), median(k.off))
	}
	if more := slices.Min(kinds[0].ns) - slices.Min(kinds[0].off); more > 0.25*slices.Min(kinds[0].off) {
		t.Errorf("threads of others pay %.0f ns for a switch that takes %.0f", more, slices.Min(kinds[0].off))
	}
}
