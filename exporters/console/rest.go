// SPDX-License-Identifier: Apache-2.0

package console

import (
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/bridge/units"
)

// rest sums up the spans that are not drawn.
type rest struct {
	spans   uint64
	failed  uint64
	maxNs   int64
	buckets [bridge.NumBuckets]uint64
}

func (r *rest) add(s *bridge.Span) {
	durationNs := max(s.EndNs-s.StartNs, 0)
	r.spans++
	r.maxNs = max(r.maxNs, durationNs)
	r.buckets[bridge.BucketOf(uint64(durationNs))]++
	if s.Status == bridge.StatusError {
		r.failed++
	}
}

// medianNs is exact to the bucket, about six per cent.
func (r *rest) medianNs() int64 {
	var below uint64
	for i, n := range r.buckets {
		below += n
		if 2*below < r.spans {
			continue
		}
		if i == bridge.NumBuckets-1 {
			return r.maxNs
		}
		var lowerNs uint64
		if i > 0 {
			lowerNs = bridge.BucketUpperNs(i - 1)
		}
		return min(int64(lowerNs+bridge.BucketUpperNs(i))/2, r.maxNs)
	}
	return 0
}

func (r *rest) String() string {
	line := "… " + units.Count(r.spans) + " more span"
	if r.spans != 1 {
		line += "s"
	}
	line += " (median " + formatDuration(r.medianNs()) + ", max " + formatDuration(r.maxNs)
	if r.failed > 0 {
		line += ", " + units.Count(r.failed) + " failed"
	}
	return line + ")"
}
