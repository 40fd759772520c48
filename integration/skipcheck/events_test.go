// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

const (
	passA = `{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1.5}
`
	skipB = `{"Action":"output","Package":"p","Test":"TestB","Output":"    b.go:1: no such kernel\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
`
	failC = `{"Action":"output","Package":"p","Test":"TestC","Output":"    c.go:1: broken\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
`
	buildFails = `{"ImportPath":"p","Action":"build-output","Output":"p/x.go:1: undefined: y\n"}
{"Action":"fail","Package":"p"}
`
)

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		events, expected string
		faults           []string // none: the run is good
		output           string
	}{
		"all passed":                       {events: passA, output: "--- PASS: TestA (1.50s)"},
		"an expected skip":                 {events: passA + skipB, expected: "# why\np TestB\n", output: "no such kernel"},
		"a skip that nobody expects":       {events: passA + skipB, faults: []string{"skipped unexpectedly: p TestB"}, output: "no such kernel"},
		"an expected skip that has passed": {events: passA, expected: "p TestA", faults: []string{"expected to be skipped, but was not: p TestA"}},
		"a failure shows its output":       {events: passA + failC, faults: []string{"failed: p TestC"}, output: "broken"},
		"a package that does not build":    {events: passA + buildFails, faults: []string{"failed: p"}, output: "undefined: y"},
		"nothing was run":                  {faults: []string{"no test has passed"}},
		"all were skipped":                 {events: skipB, expected: "p TestB", faults: []string{"no test has passed"}},
	} {
		t.Run(name, func(t *testing.T) {
			expected, err := readExpected(strings.NewReader(c.expected))
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			r, err := readEvents(strings.NewReader(c.events), &out)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := r.verdict(expected); err != nil {
				got = err.Error()
			}
			if want := strings.Join(c.faults, "\n"); got != want {
				t.Errorf("verdict = %q, want %q", got, want)
			}
			if !strings.Contains(out.String(), c.output) {
				t.Errorf("output %q lacks %q", out.String(), c.output)
			}
			if strings.Contains(out.String(), "quiet") {
				t.Errorf("output %q has that of a passing test", out.String())
			}
		})
	}
}

func TestReadExpectedRefusesALineThatNamesNoTest(t *testing.T) {
	if _, err := readExpected(strings.NewReader("TestA")); err == nil {
		t.Error("no error")
	}
}
