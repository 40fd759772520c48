// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of "go test -json" (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

// result counts tests; subtests count like tests.
type result struct {
	passed   int
	packages int
	failed   []string // "package test", or "package" if it is not a test's fault
	skipped  []string // "package test"
}

// readEvents prints a line for each finished test and everything that a failing
// or skipped one has written.
func readEvents(in io.Reader, out io.Writer) (*result, error) {
	r := &result{}
	output := map[string]*strings.Builder{} // by name
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // not from a test: shown as it is
			continue
		}
		name := strings.TrimSpace(e.Package + " " + e.Test)
		switch e.Action {
		case "output", "build-output":
			if e.Action == "build-output" || e.Test == "" {
				fmt.Fprint(out, e.Output)
				continue
			}
			if output[name] == nil {
				output[name] = &strings.Builder{}
			}
			output[name].WriteString(e.Output)
		case "pass", "fail", "skip":
			r.finish(&e, name, output[name], out)
			delete(output, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read test events: %w", err)
	}
	return r, nil
}

func (r *result) finish(e *event, name string, output *strings.Builder, out io.Writer) {
	if e.Test == "" {
		r.packages++
		if e.Action == "fail" {
			r.failed = append(r.failed, name)
		}
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed = append(r.failed, name)
	case "skip":
		r.skipped = append(r.skipped, name)
	}
	if e.Action != "pass" && output != nil {
		fmt.Fprint(out, output.String())
	} else if !strings.Contains(e.Test, "/") {
		fmt.Fprintf(out, "--- %s: %s (%.2fs)\n", strings.ToUpper(e.Action), e.Test, e.Elapsed)
	}
}

// readExpected reads the list of tests that are to be skipped.
func readExpected(in io.Reader) ([]string, error) {
	var names []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(strings.Fields(line)) != 2 {
			return nil, fmt.Errorf("read expected skips: %q is not \"package test\"", line)
		}
		names = append(names, strings.Join(strings.Fields(line), " "))
	}
	return names, lines.Err()
}

// verdict returns every reason why the run is not good.
func (r *result) verdict(expected []string) error {
	var faults []error
	for _, name := range r.failed {
		faults = append(faults, fmt.Errorf("failed: %s", name))
	}
	for _, name := range r.skipped {
		if !slices.Contains(expected, name) {
			faults = append(faults, fmt.Errorf("skipped unexpectedly: %s", name))
		}
	}
	for _, name := range expected {
		if !slices.Contains(r.skipped, name) {
			faults = append(faults, fmt.Errorf("expected to be skipped, but was not: %s", name))
		}
	}
	if r.passed == 0 {
		faults = append(faults, errors.New("no test has passed"))
	}
	return errors.Join(faults...)
}
