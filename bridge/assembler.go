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
	instance := a.dir.Instance(r.TGID)
	span := a.newSpan(r, op, instance)
	statement := a.readText(r, op)
	if r.ParentSeq == 0 {
		a.release(r)
		if !a.adopt(&span, &statement) {
			a.counts.Unsampled++
			a.discard(r)
			return
		}
	}
	first := len(a.attrs)
	a.describe(&span, r, op, instance, &statement)
	span.Attrs = a.attrs[first:len(a.attrs):len(a.attrs)]
	a.counts.Assembled++
	if r.ParentSeq != 0 {
		a.hold(r, span)
		return
	}
	a.spans = append(a.spans, span)
	a.addEntries(r, &span)
	a.adoptHeld(r, &span)
	a.offer(r, op, &span)
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
func (a *Assembler) describe(span *Span, r *Record, op *Operation, instance *Instance, st *statement) {
	if op.System != "" {
		a.attrs = append(a.attrs, String(keySystem, op.System))
	}
	number := uint64(0)
	for i := range op.Fields {
		f := &op.Fields[i]
		if f.Role == RoleErrorNumber {
			number = r.Values[f.Slot]
		}
		a.addField(f, r)
	}
	a.attrs = append(a.attrs, op.Attrs...)
	a.describeText(span, r, op, st)
	if span.Status == StatusError {
		a.describeError(number)
	}
	a.attrs = append(a.attrs, instance.MetricAttrs...)
	a.attrs = append(a.attrs, Int(keyThread, int64(r.TID)), String(keyTier, op.Tier))
	if omitted := sum(r.RestCount[:]); omitted > 0 {
		a.attrs = append(a.attrs, Int(keyRest, omitted))
	}
}

func sum(counts []uint32) (n int64) {
	for _, c := range counts {
		n += int64(c)
	}
	return n
}

func (a *Assembler) describeError(number uint64) {
	if number == 0 {
		a.attrs = append(a.attrs, String(keyErrorType, errorOther))
		return
	}
	text := a.names.number(number)
	a.attrs = append(a.attrs, String(keyStatus, text), String(keyErrorType, text))
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
	if f.Attr == "" {
		return
	}
	if f.Type == FieldString {
		a.name = sqltext.ValidUTF8(a.name[:0], r.Strings[f.Slot])
		if len(a.name) > 0 || !f.OmitZero {
			a.attrs = append(a.attrs, String(f.Attr, a.names.text(a.name)))
		}
		return
	}
	v := r.Values[f.Slot]
	if v == 0 && f.OmitZero {
		return
	}
	if name, ok := f.Names[v]; ok {
		a.attrs = append(a.attrs, String(f.Attr, name))
		return
	}
	a.attrs = append(a.attrs, Int(f.Attr, int64(v)))
}

// addEntries makes spans of the operations inside a record. They come in the
// order of their ends, so an inner one precedes the one around it.
func (a *Assembler) addEntries(r *Record, root *Span) {
	var at [MaxEntries + 2]SpanID // the latest span of each depth
	at[0] = root.SpanID
	for i := len(r.Entries) - 1; i >= 0; i-- {
		e := &r.Entries[i]
		op := a.dir.Operation(e.Op)
		depth := int(e.Depth)
		if op == nil || depth < 1 || depth >= len(at) {
			continue
		}
		id := a.ids.span()
		at[depth] = id
		parent := at[depth-1]
		if parent.IsZero() {
			parent = root.SpanID
		}
		s := Span{
			TraceID: root.TraceID, SpanID: id, Parent: parent, Flags: flagLocalOrNoParent | root.Flags&FlagSampled,
			TraceState: root.TraceState, Name: orElse(op.SpanName, op.Name), Kind: op.Kind,
			StartNs: root.StartNs + int64(e.StartNs-r.StartNs), Resource: root.Resource,
		}
		s.EndNs = s.StartNs + int64(e.DurationNs)
		if e.Flags&FlagFailed != 0 {
			s.Status = StatusError
		}
		first := len(a.attrs)
		a.attrs = append(a.attrs, String(keyTier, op.Tier))
		if len(op.Fields) > 0 && op.Fields[0].Attr != "" {
			a.attrs = append(a.attrs, Int(op.Fields[0].Attr, int64(e.Value)))
		}
		s.Attrs = a.attrs[first:len(a.attrs):len(a.attrs)]
		a.spans = append(a.spans, s)
		a.counts.Children++
	}
}

// offer keeps a sampled span as an example of its duration.
func (a *Assembler) offer(r *Record, op *Operation, span *Span) {
	if a.exemplars == nil || op.Metric == "" || span.Flags&FlagSampled == 0 {
		return
	}
	s := Series{Op: r.Op, TGID: r.TGID, Failed: r.Flags&FlagFailed != 0}
	for i := range op.Fields {
		switch f := &op.Fields[i]; f.Role {
		case RoleErrorNumber:
			s.Status = uint32(r.Values[f.Slot])
		case RoleNamespace:
			a.name = sqltext.ValidUTF8(a.name[:0], r.Strings[f.Slot])
			s.Namespace = a.names.text(a.name)
		}
	}
	a.exemplars.Offer(s, Exemplar{
		TraceID: span.TraceID, SpanID: span.SpanID, DurationNs: r.EndNs - r.StartNs, TimeNs: span.EndNs,
	})
}
