// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// option is a number that a specification may set.
type option struct {
	to        *int
	low, high int
}

// readOptions reads NAME=NUMBER,... It reports all faults.
func readOptions(spec, text string, known map[string]option) error {
	var errs []error
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		o, ok := known[name]
		if !ok {
			errs = append(errs, fmt.Errorf("load %s: unknown option %q: want %s", spec, name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < o.low || n > o.high {
			errs = append(errs, fmt.Errorf("load %s: %s: %q is no number from %d to %d", spec, name, value, o.low, o.high))
			continue
		}
		*o.to = n
	}
	return errors.Join(errs...)
}
