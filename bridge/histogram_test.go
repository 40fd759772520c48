// SPDX-License-Identifier: Apache-2.0

package bridge

import "testing"

func TestBucketsIncludeTheirUpperBound(t *testing.T) {
	for b := range NumBuckets - 1 {
		upper := BucketUpperNs(b)
		if got := BucketOf(upper); got != b {
			t.Errorf("upper bound %d of bucket %d is in bucket %d", upper, b, got)
		}
		if got := BucketOf(upper + 1); got != b+1 {
			t.Errorf("%d, above bucket %d, is in bucket %d", upper+1, b, got)
		}
	}
}

func TestExtremeDurationsHaveABucket(t *testing.T) {
	for d, want := range map[uint64]int{0: 0, 1: 0, 1 << 10: 0, 1<<64 - 1: NumBuckets - 1} {
		if got := BucketOf(d); got != want {
			t.Errorf("BucketOf(%d) is %d, want %d", d, got, want)
		}
	}
}
