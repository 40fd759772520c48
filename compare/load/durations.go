// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math/bits"
	"time"
)

// durations counts durations in buckets that are 1/64 of an octave of nanoseconds wide, so
// that memory does not grow with time. The zero value is ready.
type durations struct {
	buckets [64 * 64]uint64
	count   uint64
}

const subBits = 6

// bucketOf has the octave above the first 6 bits behind the highest one.
func bucketOf(ns uint64) int {
	octave := bits.Len64(ns)
	if octave <= subBits+1 {
		return int(ns)
	}
	shift := octave - subBits - 1
	return shift<<subBits + int(ns>>shift)
}

// middleOf is the middle of a bucket.
func middleOf(bucket int) uint64 {
	if bucket < 2<<subBits {
		return uint64(bucket)
	}
	shift := bucket>>subBits - 1
	low := uint64(bucket-shift<<subBits) << shift
	return low + 1<<shift/2
}

func (d *durations) add(took time.Duration) {
	d.buckets[bucketOf(uint64(max(took, 0)))]++
	d.count++
}

func (d *durations) join(other *durations) {
	for i, n := range other.buckets {
		d.buckets[i] += n
	}
	d.count += other.count
}

// quantile is below what that share of the durations lies, 0 without any.
func (d *durations) quantile(share float64) time.Duration {
	rank := uint64(share * float64(d.count))
	for i, n := range d.buckets {
		if n > rank {
			return time.Duration(middleOf(i))
		}
		rank -= n
	}
	return 0
}
