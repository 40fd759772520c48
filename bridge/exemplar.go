// SPDX-License-Identifier: Apache-2.0

package bridge

import "sync"

// Series names one histogram: what [HistogramPoint] counts apart.
type Series struct {
	Op        uint16
	TGID      uint32
	Status    uint32
	Failed    bool
	Namespace string
}

// Exemplar is a span that stands for the observations of a bucket.
type Exemplar struct {
	TraceID    TraceID
	SpanID     SpanID
	DurationNs uint64
	TimeNs     int64 // end of the span, Unix nanoseconds
}

// maxExemplarSeries bounds the memory that exemplars take.
const maxExemplarSeries = 256

// Exemplars keeps the latest sampled span of every series and power-of-two
// duration. It is safe for concurrent use. Its zero value is ready.
type Exemplars struct {
	mu     sync.Mutex
	series map[Series]map[int]Exemplar
}

// Offer keeps e for its bucket, replacing an older one. Series beyond a bound
// get no exemplars.
func (x *Exemplars) Offer(s Series, e Exemplar) {
	x.mu.Lock()
	defer x.mu.Unlock()
	buckets, ok := x.series[s]
	if !ok {
		if len(x.series) >= maxExemplarSeries {
			return
		}
		if x.series == nil {
			x.series = make(map[Series]map[int]Exemplar)
		}
		buckets = make(map[int]Exemplar)
		x.series[s] = buckets
	}
	buckets[(BucketOf(e.DurationNs)+SubBuckets-1)/SubBuckets] = e
}

// Take returns the exemplars of a series and forgets them.
func (x *Exemplars) Take(s Series) []Exemplar {
	x.mu.Lock()
	defer x.mu.Unlock()
	buckets := x.series[s]
	taken := make([]Exemplar, 0, len(buckets))
	for _, e := range buckets {
		taken = append(taken, e)
	}
	delete(x.series, s)
	return taken
}
