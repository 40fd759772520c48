// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Log is what the console of a machine said, or the output of "go test -v".
type Log struct {
	Release   string  // of the kernel, "" if it never got to running tests
	Finished  bool    // all tests were run, and no suite failed
	Tests     []*Test // in the order in which they began; subtests too
	Complaint []string
	Last      []string // lines

	byName map[string]*Test
}

// Test is one test or subtest.
type Test struct {
	Name    string
	Verdict string // PASS, FAIL, SKIP, or "" if it has not ended
	Output  []string
	Attrs   map[string]string // see testing.T.Attr
}

const (
	keptLines      = 60 // of a test's output, and of the whole log
	complaintLines = 40
)

var (
	runLine  = regexp.MustCompile(`^=== (?:RUN|CONT|NAME) +(\S+)$`)
	attrLine = regexp.MustCompile(`^=== ATTR +(\S+) (\S+) (.*)$`)
	endLine  = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(`)
	// What the kernel says when it is in trouble itself (kernel/panic.c, lib/bug.c,
	// arch/x86/kernel/dumpstack.c, kernel/rcu/tree_stall.h).
	complaintLine = regexp.MustCompile(`Kernel panic|\bBUG: |\bOops: |general protection fault|WARNING: CPU|rcu: INFO: .*detected`)
)

// ReadLog reads the text of a console.
func ReadLog(in io.Reader) (*Log, error) {
	l := &Log{byName: make(map[string]*Test)}
	current := &Test{} // lines before the first test
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		l.Last = keep(l.Last, line)
		if n := len(l.Complaint); n > 0 && n < complaintLines || n == 0 && complaintLine.MatchString(line) {
			l.Complaint = append(l.Complaint, line)
		}
		if m := runLine.FindStringSubmatch(line); m != nil {
			current = l.test(m[1])
		} else if m := attrLine.FindStringSubmatch(line); m != nil {
			l.test(m[1]).Attrs[m[2]] = m[3]
		} else if m := endLine.FindStringSubmatch(line); m != nil {
			l.test(m[2]).Verdict = m[1]
		} else if release, ok := strings.CutPrefix(line, "guest: Linux "); ok {
			l.Release = release
		} else if line == "guest: status 0" {
			l.Finished = true
		} else {
			current.Output = keep(current.Output, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the console: %w", err)
	}
	return l, nil
}

// test returns the test of that name, which may be new.
func (l *Log) test(name string) *Test {
	if l.byName[name] == nil {
		l.byName[name] = &Test{Name: name, Attrs: make(map[string]string)}
		l.Tests = append(l.Tests, l.byName[name])
	}
	return l.byName[name]
}

// keep adds a line, and leaves out the first one of too many.
func keep(lines []string, line string) []string {
	if len(lines) == keptLines {
		lines = lines[1:]
	}
	return append(lines, line)
}
