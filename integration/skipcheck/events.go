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
	Test    string // "": the event is the package's
}

// result is what became of each test in its last run; subtests count like tests.
type result struct {
	last     map[string]string // pass, fail or skip, by "package test", or "package"
	again    []string          // what passed when it ran again
	packages int
}

func readEvents(in io.Reader) (*result, error) {
	r := &result{last: make(map[string]string)}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read test events: line %d: %w", n, err)
		}
		if slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
			r.finish(&e)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read test events: %w", err)
	}
	return r, nil
}

func (r *result) finish(e *event) {
	name := strings.TrimSpace(e.Package + " " + e.Test)
	before, ran := r.last[name]
	if e.Test == "" && !ran {
		r.packages++
	}
	if e.Test != "" && before == "fail" && e.Action == "pass" {
		r.again = append(r.again, name)
	}
	r.last[name] = e.Action
}

// tests returns the tests whose last run ended so.
func (r *result) tests(action string) []string {
	return r.names(func(name, last string) bool { return last == action && strings.Contains(name, " ") })
}

// failed returns the tests, and the packages, whose last run failed.
func (r *result) failed() []string {
	return r.names(func(_, last string) bool { return last == "fail" })
}

func (r *result) names(is func(name, last string) bool) []string {
	var names []string
	for name, last := range r.last {
		if is(name, last) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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
	for _, name := range r.failed() {
		faults = append(faults, fmt.Errorf("failed: %s", name))
	}
	skipped := r.tests("skip")
	for _, name := range skipped {
		if !slices.Contains(expected, name) {
			faults = append(faults, fmt.Errorf("skipped unexpectedly: %s", name))
		}
	}
	for _, name := range expected {
		if !slices.Contains(skipped, name) {
			faults = append(faults, fmt.Errorf("expected to be skipped, but was not: %s", name))
		}
	}
	if len(r.tests("pass")) == 0 {
		faults = append(faults, errors.New("no test has passed"))
	}
	return errors.Join(faults...)
}
