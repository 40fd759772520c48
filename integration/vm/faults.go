// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"strings"
)

// Count returns how many tests came to that verdict.
func (l *Log) Count(verdict string) (n int) {
	for _, t := range l.Tests {
		if t.Verdict == verdict {
			n++
		}
	}
	return n
}

// Faults says all that is not as it should be on a machine that runs that kernel,
// each with the lines that an engineer needs. It is empty if all is well.
func (l *Log) Faults(release string) (faults []string) {
	say := func(lines []string, format string, args ...any) {
		faults = append(faults, fmt.Sprintf(format, args...)+"\n    "+strings.Join(lines, "\n    "))
	}
	if len(l.Complaint) > 0 {
		say(l.Complaint, "the kernel complained:")
	}
	for _, t := range l.Tests {
		switch {
		case t.Verdict == "FAIL":
			say(t.Output, "%s failed:", t.Name)
		case t.Verdict == "SKIP":
			say(t.Output, "%s was skipped:", t.Name)
		case t.Verdict == "" && l.isLeaf(t):
			say(t.Output, "%s has not ended:", t.Name)
		}
	}
	switch {
	case l.Release != release:
		say(l.Last, "the kernel that ran is %q, not %q:", l.Release, release)
	case len(faults) == 0 && (!l.Finished || l.Count("PASS") == 0):
		say(l.Last, "the tests have not been run to their end:")
	}
	return faults
}

func (l *Log) isLeaf(test *Test) bool {
	for _, t := range l.Tests {
		if strings.HasPrefix(t.Name, test.Name+"/") {
			return false
		}
	}
	return true
}
