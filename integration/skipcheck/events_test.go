// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

const (
	passA = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1.5}
`
	skipB = `{"Action":"skip","Package":"p","Test":"TestB"}
`
	failC = `{"Action":"fail","Package":"p","Test":"TestC"}
`
	passC = `{"Action":"pass","Package":"p","Test":"TestC"}
`
	failP = `{"Action":"fail","Package":"p"}
`
	passP = `{"Action":"pass","Package":"p"}
`
	buildFails = `{"ImportPath":"p","Action":"build-output","Output":"p/x.go:1: undefined: y\n"}
` + failP
)

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		events, expected string
		faults           []string // none: the run is good
		again            string
	}{
		"all passed":                       {events: passA + passP},
		"an expected skip":                 {events: passA + skipB, expected: "# why\np TestB\n"},
		"a skip that nobody expects":       {events: passA + skipB, faults: []string{"skipped unexpectedly: p TestB"}},
		"an expected skip that has passed": {events: passA, expected: "p TestA", faults: []string{"expected to be skipped, but was not: p TestA"}},
		"a failure":                        {events: passA + failC + failP, faults: []string{"failed: p", "failed: p TestC"}},
		"a failure that passes again":      {events: passA + failC + failP + passC + passP, again: "p TestC"},
		"a failure that fails again":       {events: passA + failC + failP + failC + failP, faults: []string{"failed: p", "failed: p TestC"}},
		"a package that does not build":    {events: passA + buildFails, faults: []string{"failed: p"}},
		"nothing was run":                  {faults: []string{"no test has passed"}},
		"all were skipped":                 {events: skipB + passP, expected: "p TestB", faults: []string{"no test has passed"}},
	} {
		t.Run(name, func(t *testing.T) {
			expected, err := readExpected(strings.NewReader(c.expected))
			if err != nil {
				t.Fatal(err)
			}
			r, err := readEvents(strings.NewReader(c.events))
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
			if got := strings.Join(r.again, " "); got != c.again {
				t.Errorf("passed when they ran again: %q, want %q", got, c.again)
			}
		})
	}
}

func TestReadEventsRefusesWhatIsNoEvent(t *testing.T) {
	if _, err := readEvents(strings.NewReader(passA + "panic: cut o")); err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("error %v, want one about line 4", err)
	}
}

func TestReadExpectedRefusesALineThatNamesNoTest(t *testing.T) {
	if _, err := readExpected(strings.NewReader("TestA")); err == nil {
		t.Error("no error")
	}
}
