// SPDX-License-Identifier: Apache-2.0

package bridge

// maxHeld bounds how many nested spans wait at a time.
const maxHeld = 8192

// nest keeps the spans of nested operations until the record of the outermost
// one arrives: statements of a procedure end before its CALL, but the CALL
// carries the trace context. They may be of another operation than the one
// around them. Records of a thread arrive in the order in which
// operations ended. Its zero value is ready.
type nest struct {
	byThread map[uint32][]heldSpan
	total    int
}

// heldSpan is a span that owns its attributes: it outlives the batch in which
// its record arrived.
type heldSpan struct {
	span      Span
	seq       uint32
	parentSeq uint32
	tgid      uint32
	inside    inside // owns its entries and details as well
}

func (a *Assembler) hold(r *Record, span Span, in inside) {
	if a.nest.total >= maxHeld {
		a.FlushHeld()
	}
	span.Attrs = append([]Attr(nil), span.Attrs...)
	if a.nest.byThread == nil {
		a.nest.byThread = make(map[uint32][]heldSpan)
	}
	in.entries = append([]Entry(nil), in.entries...)
	in.waits = append([]Wait(nil), in.waits...)
	in.details = cloneDetails(in.details)
	a.nest.byThread[r.TID] = append(a.nest.byThread[r.TID], heldSpan{
		span: span, seq: r.Seq, parentSeq: r.ParentSeq, tgid: r.TGID, inside: in,
	})
	a.nest.total++
}

// take removes what waits for a thread.
func (a *Assembler) take(tid uint32) []heldSpan {
	held := a.nest.byThread[tid]
	if held != nil {
		delete(a.nest.byThread, tid)
		a.nest.total -= len(held)
	}
	return held
}

// release lets go of spans that wait for an operation which gave no record:
// everything of the thread that began before this one.
func (a *Assembler) release(r *Record) {
	held := a.nest.byThread[r.TID]
	n := 0
	for n < len(held) && (held[n].seq < r.Seq || held[n].tgid != r.TGID) {
		n++
	}
	if n == 0 {
		return
	}
	all := a.take(r.TID)
	a.emitOrphans(all[:n])
	if rest := all[n:]; len(rest) > 0 {
		a.nest.byThread[r.TID] = rest
		a.nest.total += len(rest)
	}
}

// adoptHeld puts the spans that waited for this record under it.
func (a *Assembler) adoptHeld(r *Record, root *Span) {
	for _, h := range a.take(r.TID) {
		h.span.Parent = a.ids.ofRecord(r.TGID, r.TID, h.parentSeq)
		a.emitHeld(h, root.TraceID, root.TraceState, root.Flags&FlagSampled)
	}
}

// discard drops the spans under an operation whose trace is not sampled.
func (a *Assembler) discard(r *Record) {
	dropped := uint64(len(a.take(r.TID)))
	a.counts.Assembled -= dropped
	a.counts.Unsampled += dropped
}

// emitOrphans gives spans whose outermost operation gave no record a trace of
// their own.
func (a *Assembler) emitOrphans(held []heldSpan) {
	trace := a.ids.trace()
	known := make(map[uint32]SpanID, len(held))
	for _, h := range held {
		known[h.seq] = h.span.SpanID
	}
	for _, h := range held {
		h.span.Parent = known[h.parentSeq]
		a.emitHeld(h, trace, "", FlagSampled)
		a.counts.Orphaned++
	}
}

func (a *Assembler) emitHeld(h heldSpan, trace TraceID, state string, sampled uint32) {
	h.span.TraceID, h.span.TraceState = trace, state
	h.span.Flags = flagLocalOrNoParent | sampled
	a.spans = append(a.spans, h.span)
	a.addInside(&h.inside, &h.span)
}

// FlushHeld hands out every span that still waits for the operation around it.
func (a *Assembler) FlushHeld() {
	for tid := range a.nest.byThread {
		a.emitOrphans(a.take(tid))
	}
}
