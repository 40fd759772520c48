// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"github.com/spanbridge/spanbridge/compare"
)

// Why statements are lost.
const (
	WhyRefused     = "a request of the server could not be read"
	WhyExcess      = "more statements than are kept until they are read"
	WhyEarlier     = "of a connection from before telemetry.trace_enabled was on"
	WhyOpen        = "of a connection whose number no span tells"
	WhyDropped     = "dropped by the server, whose queue of spans was full"
	WhyFailed      = "not delivered by the server"
	WhyOverwritten = "the server's error log, which tells what it drops, was overwritten"
	WhyUnasked     = "what the server dropped is not known: "
)

// losses are what is known to be missing.
type losses struct {
	began    time.Time
	accepted time.Time // the last request
	list     []compare.Loss
}

// add adds a loss of the whole time, or of a part of it. One of nothing is none.
func (l *losses) add(loss compare.Loss) {
	counted := loss.Why == WhyEarlier || loss.Why == WhyOpen || loss.Why == WhyExcess
	if counted && loss.Count == 0 {
		return
	}
	if loss.From == 0 && loss.To == 0 {
		loss.From, loss.To = l.began.UnixNano(), time.Now().UnixNano()
	}
	l.list = append(l.list, loss)
}

func (l *losses) all() []compare.Loss { return append([]compare.Loss(nil), l.list...) }

// refused notes a request that could not be read: its spans ended since the last one.
func (l *losses) refused() {
	from, to := l.began, time.Now()
	if !l.accepted.IsZero() {
		from = l.accepted
	}
	if n := len(l.list); n > 0 && l.list[n-1].Why == WhyRefused && from.UnixNano() <= l.list[n-1].To {
		l.list[n-1].To = to.UnixNano()
		return
	}
	l.add(compare.Loss{From: from.UnixNano(), To: to.UnixNano(), Why: WhyRefused})
}

// take takes the spans of a request.
func (r *Receiver) take(request *coltracepb.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses.accepted = time.Now()
	for _, rs := range request.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, span := range ss.GetSpans() {
				r.book.take(span)
			}
		}
	}
	r.wake()
}

func (r *Receiver) refused() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses.refused()
	r.wake()
}

func (r *Receiver) wake() {
	select {
	case r.arrived <- struct{}{}:
	default:
	}
}
