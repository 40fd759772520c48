// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"math/big"
	"slices"
	"strings"
)

// sameNumber reports whether two values are one to the server, though they may be written
// differently: 0 and 0.000000, ON and 1.
func sameNumber(a, b string) bool {
	x, ok := number(a)
	y, alsoOK := number(b)
	return ok && alsoOK && x.Cmp(y) == 0
}

// sameValue reports whether a value may be what the server makes of another one.
func sameValue(a, b string) bool {
	return strings.EqualFold(a, b) || sameNumber(a, b) || slices.Equal(members(a), members(b))
}

func number(s string) (*big.Rat, bool) {
	switch strings.ToUpper(s) {
	case "ON", "YES", "TRUE":
		s = "1"
	case "OFF", "NO", "FALSE":
		s = "0"
	}
	if !isNumber(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// isNumber reports whether it is a plain number, which may stand in a statement as it is.
// The length is bounded, and so is what it takes to work with it.
func isNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	whole, part, _ := strings.Cut(digits, ".")
	decimal := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return whole != "" && len(s) < 64 && decimal(whole) && decimal(part)
}

// members are the elements of a set, such as log_output's.
func members(s string) []string {
	all := strings.Split(strings.ToUpper(s), ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	slices.Sort(all)
	return all
}
