// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"

	"github.com/spanbridge/spanbridge/bridge"
)

// Histograms reach from 2^13 ns (8.192 µs) to 2^36 ns (68.7 s). What lies
// outside is counted in the first and in the last bucket.
const (
	firstBoundLog2 = 13
	lastBoundLog2  = 36
	nsPerSecond    = 1e9
)

// DefaultPerOctave is the number of buckets that a doubling of the duration is
// divided into. Two keep a quantile within a quarter of the true value.
const DefaultPerOctave = 2

// scale maps the kernel's buckets to those of the histograms. As every bound is
// also one of the kernel's and both sides include their upper bound, each
// bucket is a union of the kernel's and counts stay exact.
type scale struct {
	bounds []float64              // upper bounds in seconds, included
	index  [bridge.NumBuckets]int // bucket in which a kernel bucket is counted
}

func newScale(perOctave int) (*scale, error) {
	switch perOctave {
	case 1, 2, 4, bridge.SubBuckets:
	default:
		return nil, fmt.Errorf("divide an octave into %d buckets: want 1, 2, 4 or %d", perOctave, bridge.SubBuckets)
	}
	s := &scale{}
	var boundsNs []uint64
	for octave := firstBoundLog2; octave < lastBoundLog2; octave++ {
		for part := range perOctave {
			boundsNs = append(boundsNs, 1<<octave+uint64(part)<<octave/uint64(perOctave))
		}
	}
	boundsNs = append(boundsNs, 1<<lastBoundLog2)
	for _, ns := range boundsNs {
		s.bounds = append(s.bounds, seconds(ns))
	}
	out := 0
	for b := range s.index {
		for out < len(boundsNs) && (b == bridge.NumBuckets-1 || bridge.BucketUpperNs(b) > boundsNs[out]) {
			out++
		}
		s.index[b] = out
	}
	return s, nil
}

// buckets returns the number of buckets, the one without an upper bound included.
func (s *scale) buckets() int { return len(s.bounds) + 1 }

// of returns the bucket of a duration.
func (s *scale) of(durationNs uint64) int { return s.index[bridge.BucketOf(durationNs)] }

// seconds converts nanoseconds. The division rounds correctly and so keeps the
// order of any two values: an exemplar falls into the bucket that counted it.
func seconds(ns uint64) float64 { return float64(ns) / nsPerSecond }
