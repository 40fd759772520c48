// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"strings"
	"sync/atomic"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

// Attribute keys of OpenTelemetry's semantic conventions v1.43 for databases,
// errors and threads, and spanbridge's own for what those do not name.
const (
	keySystem    = "db.system.name"
	keyText      = "db.query.text"
	keySummary   = "db.query.summary"
	keyStatus    = "db.response.status_code"
	keyErrorType = "error.type"
	keyThread    = "thread.id"
	keyTier      = "spanbridge.tier"
	keyCut       = "spanbridge.query.truncated"
	keyLength    = "spanbridge.query.length"
	keyUnread    = "spanbridge.query.unread"
	keyRest      = "spanbridge.children.omitted"
	keyRestTime  = "spanbridge.children.omitted.duration"
	keyStale     = "spanbridge.context.stale" // of a link
	keyOpen      = "spanbridge.unfinished"

	errorOther = "_OTHER" // error.type of a failure without a number
)

// summaryName is the span name that stands for the summary of the statement.
const summaryName = "{summary}"

// WallClock tells the Unix time in nanoseconds of a moment of CLOCK_MONOTONIC.
type WallClock interface {
	Unix(monotonicNs uint64) int64
}

// AssemblerConfig says what spans carry. Its zero value is the default.
type AssemblerConfig struct {
	// Trust is what becomes of a trace context that a statement carries.
	Trust Trust
	// RawText puts statements into spans as they are, with their literals,
	// which may be personal data. By default literals are replaced by '?'.
	RawText bool
	// Unsampled makes spans also for statements whose application does not
	// sample the trace.
	Unsampled bool
}

// Assembler makes spans of records. It is not safe for concurrent use, except
// for Counts.
type Assembler struct {
	cfg       AssemblerConfig
	dir       Directory
	clock     WallClock
	exemplars *Exemplars
	ids       *ids
	names     interner
	digests   *sqltext.Cache
	nest      nest

	connections connections
	stale       [1]Attr // the attributes of links to a stale context

	spans     []Span
	attrs     []Attr
	links     []Link
	sanitized []byte
	name      []byte

	counts    RecordCounts
	published atomic.Pointer[RecordCounts]
}

// NewAssembler returns an assembler; exemplars may be nil.
func NewAssembler(cfg AssemblerConfig, dir Directory, clock WallClock, exemplars *Exemplars) *Assembler {
	a := &Assembler{cfg: cfg, dir: dir, clock: clock, exemplars: exemplars, ids: newIDs(), digests: sqltext.NewCache(8192)}
	a.stale[0] = Bool(keyStale, true)
	a.published.Store(&RecordCounts{})
	return a
}

// Spans returns what has been assembled since the last Reset. It is valid
// until then.
func (a *Assembler) Spans() []Span { return a.spans }

// Reset forgets the spans handed out by Spans, and publishes the counts.
func (a *Assembler) Reset() {
	clear(a.spans)
	a.spans, a.attrs, a.links = a.spans[:0], a.attrs[:0], a.links[:0]
	counts := a.counts
	counts.Forgotten = a.connections.forgotten
	a.published.Store(&counts)
}

// Counts returns what had become of records at the last Reset.
func (a *Assembler) Counts() RecordCounts { return *a.published.Load() }

// Add makes the spans of a record. A nested operation's span waits until the
// one around it is known, since that one carries the trace context.
func (a *Assembler) Add(r *Record) {
	a.counts.Received++
	if r.Flags&(FlagFault|FlagTextFault) != 0 {
		a.counts.Faulty++
	}
	op := a.dir.Operation(r.Op)
	if op == nil {
		a.counts.Unknown++
		return
	}
	if op.InKernel {
		a.addKernel(r, op)
		return
	}
	if op.Apart {
		a.addApart(r, op)
		return
	}
	instance := a.dir.Instance(r.TGID)
	t := a.listen(r, op, instance)
	if r.Flags&FlagUnchosen != 0 {
		a.counts.Noted++
		if r.ParentSeq == 0 {
			a.note(r, op, &t)
		}
		return
	}
	span := a.newSpan(r, op, instance)
	st := a.readText(r, op)
	if r.ParentSeq == 0 {
		a.release(r)
		st.set, st.setting = a.note(r, op, &t)
		v := a.judge(r, op, &t, &st)
		a.rememberPrepare(r, op, &t, &st)
		sampled := a.adopt(&span, r, &v)
		a.rememberApart(r, &t, &span, sampled)
		if !sampled {
			a.counts.Unsampled++
			a.discard(r)
			return
		}
	}
	first := len(a.attrs)
	a.describe(&span, r, op, instance, &t, &st)
	span.Attrs = a.attrs[first:len(a.attrs):len(a.attrs)]
	a.counts.Assembled++
	in := insideOf(r, op, instance, &t)
	if r.ParentSeq != 0 {
		a.hold(r, span, in)
		return
	}
	a.spans = append(a.spans, span)
	a.addInside(&in, &span)
	a.adoptHeld(r, &span)
	a.offer(r, op, &t, &span)
}

func (a *Assembler) newSpan(r *Record, op *Operation, instance *Instance) Span {
	s := Span{
		SpanID: a.ids.ofRecord(r.TGID, r.TID, r.Seq), Name: op.SpanName, Kind: op.Kind,
		Flags: flagLocalOrNoParent | FlagSampled, Resource: instance.Resource,
		StartNs: a.clock.Unix(r.StartNs),
	}
	s.EndNs = s.StartNs + int64(r.EndNs-r.StartNs)
	if r.EndNs < r.StartNs {
		s.EndNs = s.StartNs
	}
	if s.Name == "" {
		s.Name = op.Name
	}
	if r.Flags&FlagFailed != 0 {
		s.Status = StatusError
	}
	return s
}

// statement is what the text of a record told.
type statement struct {
	digest  *sqltext.Digest // nil without text
	raw     string          // only with RawText
	carrier sqltext.Carrier
	result  sqltext.Result

	set     sqltext.Carrier // what it sets the session's context to
	setting sqltext.Setting
}

func (a *Assembler) readText(r *Record, op *Operation) (st statement) {
	if r.Flags&FlagHasText == 0 || r.Flags&FlagTextFault != 0 {
		return st
	}
	var hash uint64
	if r.Flags&FlagTextCut != 0 {
		st.carrier, st.result = sqltext.FindCarrierCut(r.Text, r.Tail, op.Dialect)
		a.sanitized, hash = sqltext.AppendSanitizedCut(a.sanitized[:0], r.Text, op.Dialect)
	} else {
		st.carrier, st.result = sqltext.FindCarrier(r.Text, op.Dialect)
		a.sanitized, hash = sqltext.AppendSanitized(a.sanitized[:0], r.Text, op.Dialect)
	}
	st.digest = a.digests.Lookup(a.sanitized, hash, op.Dialect)
	if a.cfg.RawText {
		st.raw = strings.ReplaceAll(strings.ToValidUTF8(string(r.Text), "\uFFFD"), "\x00", "\uFFFD")
	}
	return st
}

// describe appends the span's attributes and settles its name.
func (a *Assembler) describe(span *Span, r *Record, op *Operation, instance *Instance, t *told, st *statement) {
	if op.System != "" {
		a.attrs = append(a.attrs, String(keySystem, op.System))
	}
	for i := range op.Fields {
		a.addField(&op.Fields[i], r)
	}
	a.attrs = append(a.attrs, op.Attrs...)
	a.describeText(span, r, op, st)
	if span.Status == StatusError {
		a.describeError(span, op, t)
	}
	if r.Flags&FlagUnfinished != 0 {
		a.describeUnfinished(span, r, "the serving thread ended first")
	}
	a.attrs = append(a.attrs, instance.MetricAttrs...)
	a.attrs = append(a.attrs, Int(keyThread, int64(r.TID)), String(keyTier, op.Tier))
	a.describeTimes(r)
	if op.Apart {
		a.describeApart(r)
		return
	}
	if omitted := int64(sum(r.RestCount[:])) + int64(r.Unlisted); omitted > 0 {
		a.attrs = append(a.attrs, Int(keyRest, omitted))
	}
	if ns := sum(r.RestNs[:]); ns > 0 {
		a.attrs = append(a.attrs, Float(keyRestTime, float64(ns)/1e9))
	}
}

func sum[T uint32 | uint64](all []T) (n T) {
	for _, one := range all {
		n += one
	}
	return n
}

func (a *Assembler) describeText(span *Span, r *Record, op *Operation, st *statement) {
	if st.digest == nil {
		if span.Name == summaryName {
			span.Name = orElse(op.System, op.Name)
		}
		if r.Flags&(FlagTextFault|FlagNoText) != 0 && op.HasText {
			a.attrs = append(a.attrs, Bool(keyUnread, true))
		}
		return
	}
	summary := st.digest.Summary.Text
	if span.Name == summaryName {
		span.Name = orElse(summary, orElse(op.System, op.Name))
	}
	a.attrs = append(a.attrs, String(keyText, orElse(st.raw, st.digest.Text)))
	if summary != "" {
		a.attrs = append(a.attrs, String(keySummary, summary))
	}
	if r.Flags&FlagTextCut != 0 {
		a.attrs = append(a.attrs, Bool(keyCut, true))
		if r.TextLength > 0 {
			a.attrs = append(a.attrs, Int(keyLength, int64(r.TextLength)))
		}
	}
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

func (a *Assembler) addField(f *Field, r *Record) {
	if f.Attr == "" || f.Role.private() || f.Raw && !a.cfg.RawText {
		return
	}
	if f.Type.text() {
		a.name = f.Type.appendText(a.name[:0], r.Strings[f.Slot])
		if len(a.name) > 0 || !f.OmitZero {
			a.attrs = append(a.attrs, String(f.Attr, a.names.text(a.name)))
		}
		return
	}
	v := r.Values[f.Slot]
	if v == 0 && (f.OmitZero || r.Flags&FlagUnfinished != 0) { // of what has not ended 0 may be unknown
		return
	}
	if name, ok := f.Names[v]; ok {
		a.attrs = append(a.attrs, String(f.Attr, name))
		return
	}
	a.attrs = append(a.attrs, Int(f.Attr, int64(v)))
}

// offer keeps a sampled span as an example of its duration.
func (a *Assembler) offer(r *Record, op *Operation, t *told, span *Span) {
	if a.exemplars == nil || op.Metric == "" || span.Flags&FlagSampled == 0 || r.Flags&FlagUnfinished != 0 {
		return
	}
	a.exemplars.Offer(Series{
		Op: r.Op, TGID: r.TGID, Status: t.status, Failed: r.Flags&FlagFailed != 0, Namespace: a.namespace(r, op),
	}, Exemplar{
		TraceID: span.TraceID, SpanID: span.SpanID, DurationNs: r.EndNs - r.StartNs, TimeNs: span.EndNs,
	})
}
