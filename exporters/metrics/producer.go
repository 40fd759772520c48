// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/spanbridge/spanbridge/bridge"
)

// ScopeName is the instrumentation scope of everything that spanbridge reports.
const ScopeName = "github.com/spanbridge/spanbridge"

// maxInputs bounds how many of the kernel's series are kept apart. Those of
// processes that have ended are folded together beyond it.
const maxInputs = 4096

var _ sdkmetric.Producer = (*Producer)(nil)

// Producer reports the kernel's histograms, the counts of point operations and
// the ledger. It is safe for concurrent use by several readers.
type Producer struct {
	opts  Options
	scale *scale

	mu          sync.Mutex
	round       uint64 // number of the collection
	inputs      map[bridge.Series]*input
	instruments map[instrumentKey]*instrument
	failures    int64 // collections in which the source could not be read
	failing     bool
}

type instrumentKey struct {
	name string
	kind kind
	unit string // of values
}

// input is one series of the kernel and where it is counted.
type input struct {
	histogram *series                  // nil: the operation has none
	counter   *series                  // nil: the operation has none
	times     [bridge.NumTimes]*series // nil: nothing was spent so
	sums      []*series                // of the operation's values
	last      totals                   // as last read, with buckets only for a histogram
	before    totals                   // counted before the kernel's series began anew
	round     uint64                   // in which it was last read
}

// NewProducer makes a producer. It holds nothing that must be closed.
func NewProducer(opts Options) (*Producer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	sc, err := newScale(opts.PerOctave)
	if err != nil {
		return nil, err
	}
	return &Producer{
		opts:        opts,
		scale:       sc,
		inputs:      make(map[bridge.Series]*input),
		instruments: make(map[instrumentKey]*instrument),
	}, nil
}

// Produce implements the SDK's metric.Producer. It never returns an error, since
// the SDK's periodic reader would then report nothing at all: when the source
// cannot be read, the last values stand, and the failure is logged and counted
// as spanbridge.metrics.read_failures.
func (p *Producer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.round++
	p.read()
	now := time.Now()
	p.total()
	var all []metricdata.Metrics
	for _, in := range p.sorted() {
		all = append(all, in.metric(p.opts.Start, now))
	}
	rows := p.ownRows()
	if p.opts.Ledger != nil {
		rows = append(rows, p.opts.Ledger()...)
	}
	all = append(all, ledgerMetrics(rows, p.opts.Start, now)...)
	return []metricdata.ScopeMetrics{{
		Scope:   instrumentation.Scope{Name: ScopeName, Version: p.opts.Version},
		Metrics: all,
	}}, nil
}

// read takes the kernel's points over into the inputs.
func (p *Producer) read() {
	if p.opts.Source == nil {
		return
	}
	points, err := p.opts.Source.Histograms()
	switch {
	case err != nil:
		p.failures++
		if !p.failing {
			p.opts.Logf("read kernel histograms: %v; metrics stand still until it works again", err)
		}
	case p.failing:
		p.opts.Logf("kernel histograms can be read again")
	}
	p.failing = err != nil
	for i := range points {
		p.take(&points[i])
	}
	if err == nil && len(p.inputs) > maxInputs {
		p.retire()
	}
}

func (p *Producer) take(pt *bridge.HistogramPoint) {
	key := bridge.Series{Op: pt.Op, TGID: pt.TGID, Status: pt.Status, Failed: pt.Failed, Namespace: pt.Namespace}
	in, ok := p.inputs[key]
	if !ok {
		in = p.admit(key, pt.TimeNs != [bridge.NumTimes]uint64{})
		if in == nil {
			return
		}
		p.inputs[key] = in
	}
	p.admitTimes(in, pt, key)
	next := totals{count: pt.Count, sumNs: pt.SumNs, timeNs: pt.TimeNs, sums: pt.Sums}
	if in.histogram != nil {
		// The count is taken from the buckets, which OTLP wants to add up to it;
		// the kernel counts on while its maps are read.
		next.buckets, next.count = make([]uint64, p.scale.buckets()), 0
		for b, n := range pt.Buckets {
			next.buckets[p.scale.index[b]] += n
			next.count += n
		}
	}
	if next.count < in.last.count {
		in.before.add(&in.last)
	}
	in.last, in.round = next, p.round
	if in.histogram != nil && p.opts.Exemplars != nil {
		for _, e := range p.opts.Exemplars.Take(key) {
			in.histogram.keep(p.scale, e)
		}
	}
}

// admit finds the series of a point, or returns nil if it has no metric.
func (p *Producer) admit(key bridge.Series, timed bool) *input {
	op := p.opts.Directory.Operation(key.Op)
	if op == nil || (op.Metric == "" && op.Counter == "" && len(op.Sums) == 0 && !timed) {
		return nil
	}
	instance := op.Host
	if instance == nil {
		instance = p.opts.Directory.Instance(key.TGID)
	}
	attrs := seriesAttributes(op, instance, key)
	in := &input{}
	if op.Metric != "" && !op.Point {
		in.histogram = p.instrument(instrumentKey{name: op.Metric}).admit(attrs)
	}
	if op.Counter != "" {
		in.counter = p.instrument(instrumentKey{name: op.Counter, kind: countKind}).admit(attrs)
	}
	for i := range op.Sums {
		in.sums = append(in.sums, p.sum(&op.Sums[i], op, instance, key))
	}
	if in.histogram == nil && in.counter == nil && in.sums == nil && !timed {
		return nil
	}
	return in
}

// sum finds the series to which a value of an operation is added: bytes are bytes,
// whether it failed in the end or not.
func (p *Producer) sum(s *bridge.Sum, op *bridge.Operation, instance *bridge.Instance, key bridge.Series) *series {
	key.Failed, key.Status = false, 0
	of := seriesAttributes(op, instance, key)
	attrs := of.ToSlice()
	for _, a := range s.Attrs {
		attrs = append(attrs, keyValue(a))
	}
	return p.instrument(instrumentKey{s.Metric, valueKind, s.Unit}).admit(attribute.NewSet(attrs...))
}

// timeName is the metric of where the time of operations went.
const timeName = "spanbridge.operation.time"

// admitTimes finds the series of what the time of a point was spent with.
func (p *Producer) admitTimes(in *input, pt *bridge.HistogramPoint, key bridge.Series) {
	for class, ns := range pt.TimeNs {
		if ns == 0 || in.times[class] != nil {
			continue
		}
		attrs := seriesAttributes(p.opts.Directory.Operation(key.Op), p.opts.Directory.Instance(key.TGID), key)
		attrs = attribute.NewSet(append(attrs.ToSlice(), attribute.String("spanbridge.time.class", bridge.TimeClass(class).String()))...)
		in.times[class] = p.instrument(instrumentKey{name: timeName, kind: timeKind}).admit(attrs)
	}
}

func (p *Producer) instrument(key instrumentKey) *instrument {
	in, ok := p.instruments[key]
	if !ok {
		in = &instrument{
			name:      key.name,
			kind:      key.kind,
			unit:      key.unit,
			scale:     p.scale,
			maxSeries: p.opts.MaxSeries,
			byAttrs:   make(map[attribute.Distinct]*series),
		}
		p.instruments[key] = in
	}
	return in
}

// retire folds the inputs that were not part of this collection into their
// series, so that their counts stay although they are forgotten.
func (p *Producer) retire() {
	for key, in := range p.inputs {
		if in.round == p.round {
			continue
		}
		in.before.add(&in.last)
		in.addTo(&in.before, func(s *series) *totals { return &s.retired })
		delete(p.inputs, key)
	}
}

// total adds the inputs up into their series.
func (p *Producer) total() {
	for _, in := range p.instruments {
		for _, s := range in.series {
			s.now.count, s.now.sumNs = 0, 0
			clear(s.now.buckets)
			s.now.add(&s.retired)
		}
	}
	for _, in := range p.inputs {
		for _, t := range []*totals{&in.before, &in.last} {
			in.addTo(t, func(s *series) *totals { return &s.now })
		}
	}
}

// addTo adds what was counted to all series of the input.
func (in *input) addTo(t *totals, of func(*series) *totals) {
	for _, s := range []*series{in.histogram, in.counter} {
		if s != nil {
			of(s).add(t)
		}
	}
	for class, s := range in.times {
		if s != nil {
			of(s).sumNs += t.timeNs[class]
		}
	}
	for i, s := range in.sums {
		of(s).count += t.sums[i]
	}
}

func (p *Producer) sorted() []*instrument {
	list := make([]*instrument, 0, len(p.instruments))
	for _, in := range p.instruments {
		list = append(list, in)
	}
	slices.SortFunc(list, func(a, b *instrument) int { return strings.Compare(a.name, b.name) })
	return list
}
