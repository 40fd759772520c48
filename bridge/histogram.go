// SPDX-License-Identifier: Apache-2.0

package bridge

import "math/bits"

// The kernel counts durations in log-linear buckets: 8 equal parts of every
// octave of nanoseconds. Bucket 0 holds durations up to 2^10 ns, the last one
// everything above 2^37 ns (137 s). Buckets include their upper bound, as
// OpenTelemetry's do.
const (
	SubBuckets    = 8
	firstOctave   = 10
	numOctaves    = 27
	NumBuckets    = numOctaves*SubBuckets + 2
	subBucketBits = 3
)

// BucketOf returns the bucket of a duration in nanoseconds. The kernel side
// computes the same function; a test holds them equal.
func BucketOf(durationNs uint64) int {
	if durationNs <= 1<<firstOctave {
		return 0
	}
	d := durationNs - 1 // makes the upper bound inclusive
	octave := bits.Len64(d) - 1
	if octave >= firstOctave+numOctaves {
		return NumBuckets - 1
	}
	sub := int(d>>(octave-subBucketBits)) & (SubBuckets - 1)
	return 1 + (octave-firstOctave)*SubBuckets + sub
}

// BucketUpperNs returns the inclusive upper bound of a bucket in nanoseconds.
// The last bucket has none: the result is then meaningless.
func BucketUpperNs(bucket int) uint64 {
	if bucket == 0 {
		return 1 << firstOctave
	}
	octave := (bucket-1)/SubBuckets + firstOctave
	sub := uint64((bucket-1)%SubBuckets) + 1
	return 1<<octave + sub<<(octave-subBucketBits)
}

// HistogramPoint is the distribution of the durations of one operation with
// one set of properties, counted since the probes were attached.
type HistogramPoint struct {
	Op        uint16
	TGID      uint32
	Status    uint32 // the server's error number, 0 for success
	Failed    bool
	Namespace string
	Count     uint64
	SumNs     uint64
	Buckets   [NumBuckets]uint64
	TimeNs    [NumTimes]uint64 // parts of SumNs, of operations whose times are known
	Sums      [MaxSums]uint64  // of the values that Operation.Sums names
}
