// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"strings"
)

// Proves reports whether the profile was tested with a version of the server's
// series: one that differs in the last number only, which bug-fix releases
// change. 9.7.4 proves 9.7.5, 15.13 proves 15.14, and 8.0.36 proves neither
// 8.4.0 nor 9.0.0. A series written without its last number, such as 10.11,
// proves all of it.
func (p *Profile) Proves(version string) bool {
	have := numbers(version)
	return len(have) > 0 && slices.ContainsFunc(p.Tested, func(tested string) bool {
		want := numbers(tested)
		return len(want) > 0 && (slices.Equal(series(want), series(have)) ||
			len(want) < len(have) && slices.Equal(want, have[:len(want)]))
	})
}

// series drops the last number of a version that has several.
func series(numbers []string) []string { return numbers[:max(len(numbers)-1, 1)] }

// numbers splits a version that begins with one; nil if it does not.
func numbers(version string) []string {
	if number := VersionNumber(version); number != "" {
		return strings.Split(number, ".")
	}
	return nil
}

// VersionNumber returns the digits and points with which a version begins: what
// is left of 10.11.19-MariaDB-0+deb12u1 is 10.11.19.
func VersionNumber(version string) string {
	end := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(version)
	}
	return strings.Trim(version[:end], ".")
}
