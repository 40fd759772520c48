// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/bridge"
)

// split is what the time of a span was spent with, as its attributes tell.
type split []part

type part struct {
	class   string
	seconds float64
}

// Parts of less than minShare are not shown, nor more than maxParts.
const (
	minShare = 0.05
	maxParts = 3
)

// take keeps an attribute, if it tells the time of a class.
func (s *split) take(a *bridge.Attr) bool {
	class, ok := strings.CutPrefix(a.Key, "spanbridge.time.")
	if !ok || a.Kind() != bridge.KindFloat {
		return false
	}
	*s = append(*s, part{strings.ReplaceAll(class, "_", " "), a.Float()})
	return true
}

// text tells the largest parts: "lock 92% cpu 7%".
func (s split) text(durationNs int64) string {
	slices.SortFunc(s, func(a, b part) int { return cmp.Compare(b.seconds, a.seconds) })
	var parts []string
	for _, p := range s[:min(len(s), maxParts)] {
		if share := p.seconds * 1e9 / float64(max(durationNs, 1)); share >= minShare {
			parts = append(parts, fmt.Sprintf("%s %.0f%%", p.class, min(share, 1)*100))
		}
	}
	return strings.Join(parts, " ")
}
